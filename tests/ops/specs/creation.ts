// Specs of ops that create tensors: calls and rejected inputs. The expected values are given, so there is no fixture.

import * as ops from '../../../src/ops/index.ts';
import type { DType, TypedArray } from '../../../src/core/dtype.ts';
import type { OpCase } from '../../harness/fixtures.ts';
import type { OpSpec } from '../../harness/test-op.ts';

const made = (name: string, attrs: object, dtype: DType, shape: number[], data: TypedArray): OpCase => ({
  name,
  attrs: attrs as OpCase['attrs'],
  inputs: [],
  output: { dtype, shape, data },
  gradients: [],
});

const like = { shape: [2, 1], dtype: 'i32' } as const;
const nested = [[[1, 2, 3]], [[4, 5, 6]]];

export const creation: Record<string, OpSpec> = {
  full: {
    call: (_, { shape, value, dtype }) => ops.full(shape, value, { dtype }),
    cases: [
      made('float', { shape: [2, 3], value: 0.1 }, 'f32', [2, 3], new Float32Array(6).fill(0.1)),
      made('no axes', { shape: [], value: -Infinity }, 'f32', [], Float32Array.of(-Infinity)),
      made('empty', { shape: [2, 0], value: 1 }, 'f32', [2, 0], new Float32Array(0)),
      made('boolean', { shape: [2], value: true }, 'bool', [2], Uint32Array.of(1, 1)),
      made('integers', { shape: [2], value: -7, dtype: 'i32' }, 'i32', [2], Int32Array.of(-7, -7)),
      made('as boolean', { shape: [2], value: 0.5, dtype: 'bool' }, 'bool', [2], Uint32Array.of(1, 1)),
    ],
    wrong: [
      { inputs: [], attrs: { shape: [2], value: 0.5, dtype: 'i32' }, says: ['0.5 does not fit i32'] },
      { inputs: [], attrs: { shape: [2], value: -1, dtype: 'u32' }, says: ['-1 does not fit u32', 'from 0 to 4294967295'] },
      { inputs: [], attrs: { shape: [2], value: 2 ** 31, dtype: 'i32' }, says: ['2147483648 does not fit i32'] },
      { inputs: [], attrs: { shape: [2, -1], value: 0 }, says: ['[2, -1]'] },
    ],
  },
  zeros: {
    call: (_, { shape, dtype }) => ops.zeros(shape, { dtype }),
    cases: [made('float', { shape: [2, 2] }, 'f32', [2, 2], new Float32Array(4))],
    wrong: 'nothing',
  },
  ones: {
    call: (_, { shape, options }) => ops.ones(shape, options),
    cases: [
      made('float', { shape: [3] }, 'f32', [3], new Float32Array(3).fill(1)),
      made('integers', { shape: [3], options: { dtype: 'u32' } }, 'u32', [3], new Uint32Array(3).fill(1)),
    ],
    wrong: 'nothing',
  },
  fullLike: {
    call: (_, { value, options }) => ops.fullLike(like, value, options),
    cases: [
      made('integers', { value: 3 }, 'i32', [2, 1], Int32Array.of(3, 3)),
      made('other type', { value: 0.5, options: { dtype: 'f32' } }, 'f32', [2, 1], Float32Array.of(0.5, 0.5)),
    ],
    wrong: 'nothing',
  },
  zerosLike: {
    call: () => ops.zerosLike(like),
    cases: [made('integers', {}, 'i32', [2, 1], Int32Array.of(0, 0))],
    wrong: 'nothing',
  },
  onesLike: {
    call: () => ops.onesLike(like),
    cases: [made('integers', {}, 'i32', [2, 1], Int32Array.of(1, 1))],
    wrong: 'nothing',
  },
  tensor: {
    call: (_, { values, options }) => ops.tensor(values, options),
    cases: [
      made('nested', { values: nested }, 'f32', [2, 1, 3], Float32Array.of(1, 2, 3, 4, 5, 6)),
      made('shaped', { values: [1, 2, 3, 4], options: { shape: [2, 2] } }, 'f32', [2, 2], Float32Array.of(1, 2, 3, 4)),
      made('number', { values: 2.5 }, 'f32', [], Float32Array.of(2.5)),
      made('empty', { values: [[], []] }, 'f32', [2, 0], new Float32Array(0)),
      made('booleans', { values: [true, false] }, 'bool', [2], Uint32Array.of(1, 0)),
      made('integers', { values: [1, true], options: { dtype: 'i32' } }, 'i32', [2], Int32Array.of(1, 1)),
      made('typed', { values: Int32Array.of(3, -4) }, 'i32', [2], Int32Array.of(3, -4)),
      made('typed to float', { values: Int32Array.of(3, -4), options: { dtype: 'f32' } }, 'f32', [2], Float32Array.of(3, -4)), // prettier-ignore
      made('bits of f16', { values: Uint16Array.of(0x3c00, 0xc000), options: { dtype: 'f32' } }, 'f32', [2], Float32Array.of(1, -2)), // prettier-ignore
    ],
    wrong: [
      { inputs: [], attrs: { values: [[1, 2], [3]] }, says: ['values[1] is an array of 1, but an array of 2 is expected there'] },
      { inputs: [], attrs: { values: [1, [2]] }, says: ['values[1] is an array of 1', 'a number or boolean'] },
      { inputs: [], attrs: { values: ['a'] }, says: ['values[0] is a'] },
      { inputs: [], attrs: { values: [1, 2, 3], options: { shape: [2, 2] } }, says: ['[2, 2] holds 4 values', '3'] },
      { inputs: [], attrs: { values: [1.5], options: { dtype: 'i32' } }, says: ['1.5 does not fit i32'] },
    ],
  },
}; // prettier-ignore
