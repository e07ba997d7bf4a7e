// Ops that pick, add and arrange by index.

import * as ops from '../../ops/index.ts';
import { floats, integers, type CaseTable, type VerifyCase } from '../case.ts';

const everyType = ['f32', 'f16', 'i32', 'u32', 'bool'] as const;
const numbers = ['f32', 'f16', 'i32', 'u32'] as const;

const of = (dtypes: VerifyCase['dtypes'], ...cases: VerifyCase[]): VerifyCase[] =>
  cases.map((one) => ({ ...one, dtypes }));

export const indexing: CaseTable = {
  gather: of(
    everyType,
    {
      name: 'few',
      inputs: [floats([5, 33]), integers([7, 33], 0, 4)],
      call: ([x, index]) => ops.gather(x, index, 0),
    },
    {
      name: 'many',
      inputs: [floats([3, 129]), integers([3, 300], 0, 128)],
      call: ([x, index]) => ops.gather(x, index, 1),
    },
  ),
  scatterAdd: of(
    numbers,
    {
      name: 'few',
      inputs: [floats([5, 33]), integers([7, 33], 0, 4), floats([7, 33])],
      call: ([base, index, source]) => ops.scatterAdd(base, index, source, 0),
    },
    {
      name: 'crowded',
      inputs: [floats([3, 5]), integers([3, 300], 0, 4), floats([3, 300])],
      call: ([base, index, source]) => ops.scatterAdd(base, index, source, 1),
    },
  ),
};
