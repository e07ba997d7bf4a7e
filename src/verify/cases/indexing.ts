// Ops that pick, add and arrange by index.

import * as ops from '../../ops/index.ts';
import { booleans, floats, integers, type CaseTable, type VerifyCase } from '../case.ts';

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
  embedding: [
    {
      name: 'tokens',
      inputs: [integers([3, 33], 0, 99), floats([100, 65])],
      call: ([ids, weight]) => ops.embedding(ids, weight),
    },
    {
      name: 'padding',
      inputs: [integers([7], 0, 4), floats([5, 33])],
      call: ([ids, weight]) => ops.embedding(ids, weight, { paddingIdx: 0 }),
    },
  ],
  indexSelect: of(everyType, {
    name: 'columns',
    inputs: [floats([5, 33]), integers([65], 0, 32)],
    call: ([x, index]) => ops.indexSelect(x, index, 1),
  }),
  indexAdd: of(numbers, {
    name: 'columns',
    inputs: [floats([5, 7]), integers([33], 0, 6), floats([5, 33])],
    call: ([base, index, source]) => ops.indexAdd(base, index, source, 1),
  }),
  oneHot: [{ name: 'classes', inputs: [integers([33], 0, 9)], call: ([x]) => ops.oneHot(x, 10), backward: false }],
  flip: of(everyType, { name: 'both', inputs: [floats([5, 33, 3])], call: ([x]) => ops.flip(x, [0, 1]) }),
  roll: of(everyType, { name: 'back', inputs: [floats([5, 33])], call: ([x]) => ops.roll(x, [-3, 2], [1, 0]) }),
  stack: of(everyType, { name: 'middle', inputs: [floats([5, 33]), floats([5, 33])], call: (xs) => ops.stack(xs, 1) }),
  split: of(everyType, { name: 'rest', inputs: [floats([5, 33])], call: ([x]) => ops.split(x, 7, 1) }),
  chunk: of(everyType, { name: 'three', inputs: [floats([33, 5])], call: ([x]) => ops.chunk(x, 3) }),
  tile: [{ name: 'both', inputs: [floats([3, 31])], call: ([x]) => ops.tile(x, [2, 3]) }],
  repeatInterleave: [{ name: 'heads', inputs: [floats([3, 5, 7])], call: ([x]) => ops.repeatInterleave(x, 4, 1) }],
  squeeze: [{ name: 'all', inputs: [floats([1, 33, 1])], call: ([x]) => ops.mul(ops.squeeze(x), 2) }],
  unsqueeze: [{ name: 'last', inputs: [floats([33])], call: ([x]) => ops.mul(ops.unsqueeze(x, -1), 2) }],
  movedim: of(everyType, { name: 'last', inputs: [floats([3, 5, 7])], call: ([x]) => ops.movedim(x, 0, -1) }),
  tril: of(everyType, { name: 'batch', inputs: [floats([2, 33, 31])], call: ([x]) => ops.tril(x, -1) }),
  triu: of(everyType, { name: 'batch', inputs: [floats([2, 33, 31])], call: ([x]) => ops.triu(x, 2) }),
  maskedFill: of(numbers, {
    name: 'rows',
    inputs: [floats([5, 33]), booleans([33])],
    call: ([x, mask]) => ops.maskedFill(x, mask, 2),
  }),
  arange: [{ name: 'steps', inputs: [], call: () => ops.arange(33, { start: -5, step: 3 }), backward: false }],
  linspace: [{ name: 'odd', inputs: [], call: () => ops.linspace(-1, 2, 33), backward: false }],
  eye: [{ name: 'wide', inputs: [], call: () => ops.eye(3, 33), backward: false }],
};
