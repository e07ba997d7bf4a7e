// Ops that gather, scatter and sort by index.

import * as ops from '../../ops/index.ts';
import { exact, type CheckTable } from '../allowed.ts';
import { anyNumber, anyType, floats, integers, ofTypes } from '../case.ts';

export const indexingChecks: CheckTable = {
  oneHot: {
    ...exact,
    cases: [{ name: 'classes', inputs: [integers([33], 0, 9)], call: ([x]) => ops.oneHot(x, 10), backward: false }],
  },
  // Gradients sum up to 24 reads of the same element. Measured 1.6.
  gather: {
    cpu: [0, 0],
    gpu: [0, 6],
    cases: ofTypes(
      anyType,
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
  },
  // Like gather, up to 40 reads. Measured 2.4, 7.9 and 4.0.
  embedding: {
    cpu: [0, 0],
    gpu: [0, 6],
    cases: [
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
  },
  indexSelect: {
    cpu: [0, 0],
    gpu: [0, 24],
    cases: ofTypes(anyType, {
      name: 'columns',
      inputs: [floats([5, 33]), integers([65], 0, 32)],
      call: ([x, index]) => ops.indexSelect(x, index, 1),
    }),
  },
  indexAdd: {
    cpu: [2, 0],
    gpu: [6, 0],
    cases: ofTypes(anyNumber, {
      name: 'columns',
      inputs: [floats([5, 7]), integers([33], 0, 6), floats([5, 33])],
      call: ([base, index, source]) => ops.indexAdd(base, index, source, 1),
    }),
  },
  // Sums of up to 100 values up to 2. Measured 3.5.
  scatterAdd: {
    cpu: [2, 0],
    gpu: [14, 0],
    cases: ofTypes(
      anyNumber,
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
  },
  // Integers.
  argsort: {
    ...exact,
    cases: [
      { name: 'last', inputs: [floats([5, 129])], dtypes: anyNumber, call: ([x]) => ops.argsort(x), backward: false },
      { name: 'first', inputs: [floats([33, 3])], call: ([x]) => ops.argsort(x, 0), backward: false },
      {
        name: 'falling',
        inputs: [floats([3, 2500])],
        call: ([x]) => ops.argsort(x, 1, { descending: true }),
        backward: false,
      },
      { name: 'ties', inputs: [integers([2, 1500], 0, 9)], call: ([x]) => ops.argsort(x) },
    ],
  },
  // Values are moved; no gradients are summed.
  sort: {
    ...exact,
    cases: [
      { name: 'last', inputs: [floats([5, 129])], dtypes: anyNumber, call: ([x]) => ops.sort(x).values },
      { name: 'first', inputs: [floats([33, 3])], call: ([x]) => ops.sort(x, 0, { descending: true }).values },
    ],
  },
  topk: {
    ...exact,
    cases: [
      { name: 'last', inputs: [floats([5, 129])], dtypes: anyNumber, call: ([x]) => ops.topk(x, 5).values },
      { name: 'first', inputs: [floats([1500, 2])], call: ([x]) => ops.topk(x, 40, 0, { largest: false }).values },
    ],
  },
  dynamicSlice: {
    ...exact,
    cases: [
      {
        name: 'columns',
        inputs: [floats([5, 65]), integers([], 30, 30)],
        call: ([x, at]) => ops.dynamicSlice(x, at, 33, 1),
      },
    ],
  },
  updateSlice: {
    ...exact,
    cases: [
      {
        name: 'rows',
        inputs: [floats([2, 3, 2, 33]), integers([], 4, 4), floats([2, 3, 9, 33])],
        call: ([value, at, cache]) => ops.updateSlice(value, at, cache),
      },
      {
        name: 'beyond',
        inputs: [integers([2, 65], -9, 9), integers([], 80, 80, 'u32'), integers([3, 65], -9, 9)],
        call: ([value, at, cache]) => ops.updateSlice(value, at, cache, { axis: 0 }),
      },
      {
        name: 'outside',
        inputs: [floats([2, 65]), integers([], -1, -1), floats([3, 65])],
        call: ([value, at, cache]) => ops.updateSlice(value, at, cache, { axis: 0, onlyInside: true }),
      },
    ],
  },
};
