// Random ops, which are functions of a counter, so GPU and CPU draw the same bits; sampling from logits.

import * as ops from '../../ops/index.ts';
import { exact, type CheckTable } from '../allowed.ts';
import { floats } from '../case.ts';

export const randomChecks: CheckTable = {
  // The same bits as on the CPU.
  uniform: {
    ...exact,
    cases: [
      { name: 'odd', inputs: [], call: () => ops.uniform([3, 129]) },
      { name: 'two', inputs: [], call: () => [ops.uniform([33]), ops.uniform([33])] },
    ],
  },
  dropout: { ...exact, cases: [{ name: 'half', inputs: [floats([5, 67])], call: ([x]) => ops.dropout(x, 0.5) }] },
  // Integers.
  keepMinP: {
    ...exact,
    cases: [{ name: 'tenth', inputs: [floats([3, 129], -8, 8)], call: ([x]) => ops.keepMinP(x, 0.1) }],
  },
  keepTopK: {
    ...exact,
    cases: [
      { name: 'five', inputs: [floats([3, 129], -8, 8)], call: ([x]) => ops.keepTopK(x, 5) },
      { name: 'all', inputs: [floats([2, 33], -8, 8)], call: ([x]) => ops.keepTopK(x, 40) },
    ],
  },
  keepTopP: {
    ...exact,
    cases: [
      { name: 'most', inputs: [floats([3, 129], -8, 8)], call: ([x]) => ops.keepTopP(x, 0.9) },
      { name: 'few', inputs: [floats([2, 33], -8, 8)], call: ([x]) => ops.keepTopP(x, 0.3) },
    ],
  },
  // Draws are bitwise equal, and the compared numbers differ by more than rounding.
  bernoulli: {
    ...exact,
    cases: [{ name: 'odd', inputs: [floats([3, 129], 0, 1)], call: ([p]) => ops.bernoulli(p), backward: false }],
  },
  categorical: {
    ...exact,
    cases: [
      { name: 'rows', inputs: [floats([33, 10])], call: ([x]) => ops.categorical(x), backward: false },
      {
        name: 'samples',
        inputs: [floats([3, 65])],
        call: ([x]) => ops.categorical(x, { samples: 9 }),
        backward: false,
      },
    ],
  },
  multinomial: {
    ...exact,
    cases: [
      { name: 'five', inputs: [floats([5, 33], 0, 1)], call: ([x]) => ops.multinomial(x, 5), backward: false },
      { name: 'replaced', inputs: [floats([5, 9], 0, 1)], call: ([x]) => ops.multinomial(x, 9, true), backward: false },
    ],
  },
  permutation: {
    ...exact,
    cases: [
      { name: 'odd', inputs: [], call: () => ops.permutation(129) },
      { name: 'long', inputs: [], call: () => ops.permutation(2100) },
    ],
  },
  randint: { ...exact, cases: [{ name: 'odd', inputs: [], call: () => ops.randint(-7, 100, [3, 129]) }] },
  sampleLogits: {
    ...exact,
    cases: [
      { name: 'plain', inputs: [floats([7, 129], -8, 8)], call: ([x]) => ops.sampleLogits(x), backward: false },
      {
        name: 'everything',
        inputs: [floats([7, 65], -4, 4)],
        call: ([x]) => ops.sampleLogits(x, { temperature: 0.7, topK: 20, topP: 0.9, minP: 0.05 }),
        backward: false,
      },
    ],
  },
  // The root of a logarithm (WGSL: 3 ulp, or 2⁻²¹), times a cosine. Measured 3.2.
  normal: { cpu: [0, 0], gpu: [10, 0], cases: [{ name: 'odd', inputs: [], call: () => ops.normal([3, 129], 1, 2) }] },
};
