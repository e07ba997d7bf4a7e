// Random ops: functions of a counter, so a GPU draws the very bits that the CPU draws.

import * as ops from '../../ops/index.ts';
import { floats, type CaseTable } from '../case.ts';

export const random: CaseTable = {
  uniform: [
    { name: 'odd', inputs: [], call: () => ops.uniform([3, 129]) },
    { name: 'two', inputs: [], call: () => [ops.uniform([33]), ops.uniform([33])] },
  ],
  normal: [{ name: 'odd', inputs: [], call: () => ops.normal([3, 129], 1, 2) }],
  bernoulli: [{ name: 'odd', inputs: [floats([3, 129], 0, 1)], call: ([p]) => ops.bernoulli(p), backward: false }],
  randint: [{ name: 'odd', inputs: [], call: () => ops.randint(-7, 100, [3, 129]) }],
  permutation: [
    { name: 'odd', inputs: [], call: () => ops.permutation(129) },
    { name: 'long', inputs: [], call: () => ops.permutation(2100) },
  ],
  categorical: [
    { name: 'rows', inputs: [floats([33, 10])], call: ([x]) => ops.categorical(x), backward: false },
    { name: 'samples', inputs: [floats([3, 65])], call: ([x]) => ops.categorical(x, { samples: 9 }), backward: false },
  ],
  multinomial: [
    { name: 'five', inputs: [floats([5, 33], 0, 1)], call: ([x]) => ops.multinomial(x, 5), backward: false },
    { name: 'replaced', inputs: [floats([5, 9], 0, 1)], call: ([x]) => ops.multinomial(x, 9, true), backward: false },
  ],
  dropout: [{ name: 'half', inputs: [floats([5, 67])], call: ([x]) => ops.dropout(x, 0.5) }],
};
