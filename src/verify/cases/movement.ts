// Ops that only move values: every bit must match.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { exact, summedGradient, type CheckTable } from '../allowed.ts';
import { anyType, floats, ofTypes } from '../case.ts';

export const movementChecks: CheckTable = {
  concat: {
    ...exact,
    cases: ofTypes(
      anyType,
      { name: 'rows', inputs: [floats([3, 33]), floats([5, 33])], call: (parts) => ops.concat(parts) },
      {
        name: 'last',
        inputs: [floats([3, 7]), floats([3, 1]), floats([3, 31])],
        call: (parts) => ops.concat(parts, 1),
      },
    ),
  },
  flatten: {
    ...exact,
    cases: ofTypes(anyType, { name: 'rows', inputs: [floats([3, 5, 9])], call: ([x]) => ops.flatten(x) }),
  },
  permute: {
    ...exact,
    cases: ofTypes(
      anyType,
      { name: 'reversed', inputs: [floats([5, 33, 7])], call: ([x]) => ops.permute(x, [2, 1, 0]) },
      { name: 'inner', inputs: [floats([3, 2, 9, 31])], call: ([x]) => ops.permute(x, [0, 3, 1, 2]) },
    ),
  },
  reshape: {
    ...exact,
    cases: ofTypes(anyType, { name: 'flat', inputs: [floats([3, 5, 9])], call: ([x]) => ops.reshape(x, [-1, 15]) }),
  },
  slice: {
    ...exact,
    cases: ofTypes(
      anyType,
      { name: 'inside', inputs: [floats([9, 33])], call: ([x]) => ops.slice(x, [2, 1], [7, 32]) },
      { name: 'steps', inputs: [floats([9, 33])], call: ([x]) => ops.slice(x, [0, 1], [9, 33], [2, 3]) },
    ),
  },
  transpose: {
    ...exact,
    cases: ofTypes(anyType, { name: 'matrix', inputs: [floats([33, 65])], call: ([x]) => ops.transpose(x) }),
  },
  chunk: {
    ...exact,
    cases: ofTypes(anyType, { name: 'three', inputs: [floats([33, 5])], call: ([x]) => ops.chunk(x, 3) }),
  },
  flip: {
    ...exact,
    cases: ofTypes(anyType, { name: 'both', inputs: [floats([5, 33, 3])], call: ([x]) => ops.flip(x, [0, 1]) }),
  },
  movedim: {
    ...exact,
    cases: ofTypes(anyType, { name: 'last', inputs: [floats([3, 5, 7])], call: ([x]) => ops.movedim(x, 0, -1) }),
  },
  roll: {
    ...exact,
    cases: ofTypes(anyType, { name: 'back', inputs: [floats([5, 33])], call: ([x]) => ops.roll(x, [-3, 2], [1, 0]) }),
  },
  split: {
    ...exact,
    cases: ofTypes(anyType, { name: 'rest', inputs: [floats([5, 33])], call: ([x]) => ops.split(x, 7, 1) }),
  },
  squeeze: {
    ...exact,
    cases: [{ name: 'all', inputs: [floats([1, 33, 1])], call: ([x]) => ops.mul(ops.squeeze(x), 2) }],
  },
  stack: {
    ...exact,
    cases: ofTypes(anyType, {
      name: 'middle',
      inputs: [floats([5, 33]), floats([5, 33])],
      call: (xs) => ops.stack(xs, 1),
    }),
  },
  unsqueeze: {
    ...exact,
    cases: [{ name: 'last', inputs: [floats([33])], call: ([x]) => ops.mul(ops.unsqueeze(x, -1), 2) }],
  },
  expand: {
    ...summedGradient,
    cases: [
      { name: 'rows', inputs: [floats([1, 33])], call: ([x]) => ops.expand(x, [7, 33]) },
      { name: 'columns', inputs: [floats([31, 1])], call: ([x]) => ops.expand(x, [2, 31, 3]) },
    ],
  },
  // The gradient sums over the copies. Measured 0.9 and 1.4.
  repeatInterleave: {
    cpu: [0, 0],
    gpu: [0, 3],
    cases: [{ name: 'heads', inputs: [floats([3, 5, 7])], call: ([x]) => ops.repeatInterleave(x, 4, 1) }],
  },
  tile: {
    cpu: [0, 0],
    gpu: [0, 4],
    cases: [{ name: 'both', inputs: [floats([3, 31])], call: ([x]) => ops.tile(x, [2, 3]) }],
  },
  // Values are moved; gradients of repeated values are sums of up to 20. Measured 1.4.
  pad: {
    cpu: [0, 0],
    gpu: [0, 4],
    cases: ofTypes(
      anyType,
      { name: 'around', inputs: [floats([5, 33])], call: ([x]) => ops.pad(x, [1, 2], [3, 0]) },
      { name: 'planes', inputs: [floats([2, 7, 9])], call: ([x]) => ops.pad(x, [0, 1, 1], [0, 1, 1]) },
      ...(['reflect', 'replicate', 'circular'] as const).map((mode) => ({
        name: mode,
        inputs: [floats([2, 7, 9])],
        call: ([x]: readonly Tensor[]) => ops.pad(x, [0, 3, 1], [0, 2, 5], { mode }),
      })),
    ),
  },
};
