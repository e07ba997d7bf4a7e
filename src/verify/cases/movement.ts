// Ops that move values and compute nothing: every bit must arrive.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { floats, type CaseTable, type VerifyCase } from '../case.ts';

/** Cases of every type: what only moves values takes all of them. */
const everyType = (cases: readonly VerifyCase[]): VerifyCase[] =>
  cases.map((one) => ({ ...one, dtypes: ['f32', 'f16', 'i32', 'u32', 'bool'] }));

export const movement: CaseTable = {
  permute: everyType([
    { name: 'reversed', inputs: [floats([5, 33, 7])], call: ([x]) => ops.permute(x, [2, 1, 0]) },
    { name: 'inner', inputs: [floats([3, 2, 9, 31])], call: ([x]) => ops.permute(x, [0, 3, 1, 2]) },
  ]),
  transpose: everyType([{ name: 'matrix', inputs: [floats([33, 65])], call: ([x]) => ops.transpose(x) }]),
  reshape: everyType([{ name: 'flat', inputs: [floats([3, 5, 9])], call: ([x]) => ops.reshape(x, [-1, 15]) }]),
  flatten: everyType([{ name: 'rows', inputs: [floats([3, 5, 9])], call: ([x]) => ops.flatten(x) }]),
  expand: [
    { name: 'rows', inputs: [floats([1, 33])], call: ([x]) => ops.expand(x, [7, 33]) },
    { name: 'columns', inputs: [floats([31, 1])], call: ([x]) => ops.expand(x, [2, 31, 3]) },
  ],
  slice: everyType([
    { name: 'inside', inputs: [floats([9, 33])], call: ([x]) => ops.slice(x, [2, 1], [7, 32]) },
    { name: 'steps', inputs: [floats([9, 33])], call: ([x]) => ops.slice(x, [0, 1], [9, 33], [2, 3]) },
  ]),
  concat: everyType([
    { name: 'rows', inputs: [floats([3, 33]), floats([5, 33])], call: (parts) => ops.concat(parts) },
    { name: 'last', inputs: [floats([3, 7]), floats([3, 1]), floats([3, 31])], call: (parts) => ops.concat(parts, 1) },
  ]),
  pad: everyType([
    { name: 'around', inputs: [floats([5, 33])], call: ([x]) => ops.pad(x, [1, 2], [3, 0]) },
    { name: 'planes', inputs: [floats([2, 7, 9])], call: ([x]) => ops.pad(x, [0, 1, 1], [0, 1, 1]) },
    ...(['reflect', 'replicate', 'circular'] as const).map((mode) => ({
      name: mode,
      inputs: [floats([2, 7, 9])],
      call: ([x]: readonly Tensor[]) => ops.pad(x, [0, 3, 1], [0, 2, 5], { mode }),
    })),
  ]),
};
