// Random ops: functions of a counter, so a GPU draws the very bits that the CPU draws.

import * as ops from '../../ops/index.ts';
import { floats, type CaseTable } from '../case.ts';

export const random: CaseTable = {
  uniform: [
    { name: 'odd', inputs: [], call: () => ops.uniform([3, 129]) },
    { name: 'two', inputs: [], call: () => [ops.uniform([33]), ops.uniform([33])] },
  ],
  dropout: [{ name: 'half', inputs: [floats([5, 67])], call: ([x]) => ops.dropout(x, 0.5) }],
};
