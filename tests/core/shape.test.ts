// Shape arithmetic: broadcasting and its errors, axes, strides.

import { describe, expect, test } from 'vitest';
import {
  broadcastShapes, broadcastStrides, reducedShape, resolveAxes, resolveAxis, sizeOf, stridedOffsets, stridesOf,
} from '../../src/core/shape.ts'; // prettier-ignore

describe('broadcasting', () => {
  test.each([
    { shapes: [[], []], result: [] },
    { shapes: [[3], []], result: [3] },
    { shapes: [[2, 3], [3]], result: [2, 3] },
    {
      shapes: [
        [2, 1],
        [1, 3],
      ],
      result: [2, 3],
    },
    { shapes: [[4, 1, 3], [2, 1], [1]], result: [4, 2, 3] },
    {
      shapes: [
        [0, 3],
        [1, 3],
      ],
      result: [0, 3],
    },
    { shapes: [[1], [0]], result: [0] },
  ])('$shapes gives $result', ({ shapes, result }) => {
    expect(broadcastShapes('add', ...shapes)).toEqual(result);
    expect(broadcastShapes('add', ...shapes.toReversed())).toEqual(result);
  });

  test.each([
    { shapes: [[2], [3]], text: '[2] and [3]' },
    { shapes: [[2, 3], [2]], text: '[2, 3] and [2]' },
    { shapes: [[0], [2]], text: '[0] and [2]' },
    {
      shapes: [
        [4, 1],
        [4, 5],
        [3, 5],
      ],
      text: '[4, 1] and [4, 5] and [3, 5]',
    },
  ])('the error for $text has the op and all shapes', ({ shapes, text }) => {
    expect(() => broadcastShapes('mul', ...shapes)).toThrow(`mul: shapes ${text} do not broadcast`);
  });

  test('gives broadcast axes stride 0', () => {
    expect(broadcastStrides([2, 3], [2, 3])).toEqual([3, 1]);
    expect(broadcastStrides([3], [2, 3])).toEqual([0, 1]);
    expect(broadcastStrides([2, 1], [2, 3])).toEqual([1, 0]);
    expect(broadcastStrides([], [2, 3])).toEqual([0, 0]);
    expect(broadcastStrides([4, 1, 5], [6, 4, 3, 5])).toEqual([0, 5, 0, 1]);
  });
});

test('sizes and row-major strides', () => {
  expect([[], [3], [2, 3, 4], [2, 0, 4]].map(sizeOf)).toEqual([1, 3, 24, 0]);
  expect([[], [3], [2, 3, 4]].map(stridesOf)).toEqual([[], [1], [12, 4, 1]]);
});

describe('axes', () => {
  test('may be negative, and default to all', () => {
    expect([resolveAxis('sum', 1, 3), resolveAxis('sum', -1, 3), resolveAxis('sum', -3, 3)]).toEqual([1, 2, 0]);
    expect(resolveAxes('sum', undefined, 3)).toEqual([0, 1, 2]);
    expect(resolveAxes('sum', [-1, 0], 3)).toEqual([0, 2]);
    expect(resolveAxes('sum', -2, 3)).toEqual([1]);
    expect(resolveAxes('sum', [], 3)).toEqual([]);
  });

  test.each([3, -4, 0.5, Number.NaN])('%s is invalid for 3 axes', (axis) => {
    expect(() => resolveAxis('sum', axis, 3)).toThrow(`sum: axis ${axis} is out of range for 3 axes; use -3 to 2.`);
  });

  test('must not repeat', () => {
    expect(() => resolveAxes('sum', [1, -2], 3)).toThrow('sum: axes [1,-2] name the same axis twice.');
  });

  test('are removed or become 1 when reduced', () => {
    expect(reducedShape([2, 3, 4], [0, 2], false)).toEqual([3]);
    expect(reducedShape([2, 3, 4], [0, 2], true)).toEqual([1, 3, 1]);
  });
});

describe('strided offsets', () => {
  test.each([
    { what: 'in order', shape: [2, 3], strides: [3, 1], offsets: [0, 1, 2, 3, 4, 5] },
    { what: 'transposed', shape: [3, 2], strides: [1, 3], offsets: [0, 3, 1, 4, 2, 5] },
    { what: 'broadcast', shape: [2, 3], strides: [0, 1], offsets: [0, 1, 2, 0, 1, 2] },
    { what: 'three axes', shape: [2, 2, 2], strides: [1, 10, 100], offsets: [0, 100, 10, 110, 1, 101, 11, 111] },
    { what: 'one number', shape: [], strides: [], offsets: [0] },
    { what: 'nothing', shape: [2, 0], strides: [1, 1], offsets: [] },
  ])('$what', ({ shape, strides, offsets }) => {
    expect([...stridedOffsets(shape, strides)]).toEqual(offsets);
  });
});
