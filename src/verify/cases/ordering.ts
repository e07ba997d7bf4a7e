// Sorting, and sampling from scores by what is largest.

import * as ops from '../../ops/index.ts';
import { floats, integers, type CaseTable } from '../case.ts';

const sizes = ['f32', 'f16', 'i32', 'u32'] as const;

export const ordering: CaseTable = {
  argsort: [
    { name: 'last', inputs: [floats([5, 129])], dtypes: sizes, call: ([x]) => ops.argsort(x), backward: false },
    { name: 'first', inputs: [floats([33, 3])], call: ([x]) => ops.argsort(x, 0), backward: false },
    {
      name: 'falling',
      inputs: [floats([3, 2500])],
      call: ([x]) => ops.argsort(x, 1, { descending: true }),
      backward: false,
    },
    { name: 'ties', inputs: [integers([2, 1500], 0, 9)], call: ([x]) => ops.argsort(x) },
  ],
  sort: [
    { name: 'last', inputs: [floats([5, 129])], dtypes: sizes, call: ([x]) => ops.sort(x).values },
    { name: 'first', inputs: [floats([33, 3])], call: ([x]) => ops.sort(x, 0, { descending: true }).values },
  ],
  topk: [
    { name: 'last', inputs: [floats([5, 129])], dtypes: sizes, call: ([x]) => ops.topk(x, 5).values },
    { name: 'first', inputs: [floats([1500, 2])], call: ([x]) => ops.topk(x, 40, 0, { largest: false }).values },
  ],
  keepTopK: [
    { name: 'five', inputs: [floats([3, 129], -8, 8)], call: ([x]) => ops.keepTopK(x, 5) },
    { name: 'all', inputs: [floats([2, 33], -8, 8)], call: ([x]) => ops.keepTopK(x, 40) },
  ],
  keepTopP: [
    { name: 'most', inputs: [floats([3, 129], -8, 8)], call: ([x]) => ops.keepTopP(x, 0.9) },
    { name: 'few', inputs: [floats([2, 33], -8, 8)], call: ([x]) => ops.keepTopP(x, 0.3) },
  ],
  keepMinP: [{ name: 'tenth', inputs: [floats([3, 129], -8, 8)], call: ([x]) => ops.keepMinP(x, 0.1) }],
  sampleLogits: [
    { name: 'plain', inputs: [floats([7, 129], -8, 8)], call: ([x]) => ops.sampleLogits(x), backward: false },
    {
      name: 'everything',
      inputs: [floats([7, 65], -4, 4)],
      call: ([x]) => ops.sampleLogits(x, { temperature: 0.7, topK: 20, topP: 0.9, minP: 0.05 }),
      backward: false,
    },
  ],
};
