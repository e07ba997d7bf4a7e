// Specs of normalizations: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import { spec } from '../../../src/core/tensor.ts';
import type { OpSpec, WrongInputs } from '../../harness/test-op.ts';
import { shaped } from './wrong.ts';

interface RowsAttrs {
  readonly axes: number;
  readonly epsilon: number;
  readonly order?: readonly number[];
}

const onRows = (call: typeof ops.layerNorm): OpSpec => ({
  call([input, weight, bias], { axes, order, epsilon }: RowsAttrs) {
    const x = order ? ops.permute(input, order) : input;
    return call(x, x.shape.slice(x.shape.length - axes), { weight, bias, epsilon });
  },
  wrong: [
    { inputs: shaped([2, 3], [2]), attrs: { axes: 1 }, says: ['weight', '[3]', '[2]'] },
    { inputs: shaped([2, 3]), attrs: { axes: 0 }, says: ['[2, 3]', '[]'] },
    { inputs: [spec([2, 3], 'i32')], attrs: { axes: 1 }, says: ['i32'] },
  ],
});

const grouped = (
  call: (x: Parameters<typeof ops.groupNorm>[0], groups: number, options: object) => ReturnType<typeof ops.groupNorm>,
): OpSpec => ({
  call: ([x, weight, bias], { groups, epsilon }: { groups: number; epsilon: number }) =>
    call(x, groups, { weight, bias, epsilon }),
  wrong: [
    { inputs: shaped([2]), attrs: { groups: 1 } },
    { inputs: shaped([2, 4, 3], [3]), attrs: { groups: 2 }, says: ['weight', '[4]', '[3]'] },
    { inputs: shaped([2, 4, 3], [4], [1]), attrs: { groups: 2 }, says: ['bias', '[4]', '[1]'] },
  ],
});

/** Adds rejected inputs to a shared spec. */
const alsoWrong = (opSpec: OpSpec, ...more: WrongInputs[]): OpSpec => ({
  ...opSpec,
  wrong: [...(opSpec.wrong as WrongInputs[]), ...more],
});

const groups = grouped(ops.groupNorm);

const instances = grouped((x, _groups, options) => ops.instanceNorm(x, options));

export const norms: Record<string, OpSpec> = {
  layerNorm: onRows(ops.layerNorm),
  rmsNorm: onRows(ops.rmsNorm),
  groupNorm: alsoWrong(groups, { inputs: shaped([2, 4]), attrs: { groups: 3 } }),
  instanceNorm: alsoWrong(instances, { inputs: shaped([2, 4]) }, { inputs: shaped([2, 4, 1]) }),
  batchNorm: {
    call([x, ...rest], { training, epsilon }: { training: boolean; epsilon: number }) {
      const [mean, variance, weight, bias] = training ? [null, null, ...rest] : rest;
      return ops.batchNorm(x, mean ?? null, variance ?? null, { weight: weight!, bias: bias!, training, epsilon });
    },
    wrong: [
      { inputs: shaped([2]), attrs: { training: true } },
      { inputs: shaped([1, 3]), attrs: { training: true } },
      { inputs: shaped([2, 3]), attrs: { training: false }, says: ['mean'] },
      { inputs: shaped([2, 3], [2], [3]), attrs: { training: false }, says: ['mean', '[3]', '[2]'] },
      { inputs: shaped([2, 3], [4]), attrs: { training: true }, says: ['weight', '[3]', '[4]'] },
    ],
  },
  localResponseNorm: {
    call: ([x], { size, ...options }: { size: number }) => ops.localResponseNorm(x, size, options),
    wrong: [{ inputs: shaped([2, 3]), attrs: { size: 3 } }],
  },
  pixelNorm: {
    call: ([x], { epsilon }: { epsilon: number }) => ops.pixelNorm(x, epsilon),
    wrong: [{ inputs: shaped([3]), says: ['axis 1'] }],
  },
  normalize: {
    call: ([x], { axis, epsilon }: { axis: number; epsilon: number }) => ops.normalize(x, axis, epsilon),
    wrong: [{ inputs: shaped([3]), attrs: { axis: 1 }, says: ['axis 1'] }],
  },
};
