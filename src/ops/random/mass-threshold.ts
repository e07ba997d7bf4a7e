// The threshold above which a row's values reach a given mass: behind top-k and top-p, without sorting.

import { thresholdSerial, thresholdTree, type ThresholdShape } from '../../../shaders/random/mass-threshold.wgsl.ts';
import { applyOne, expectDType, type KernelOp } from '../../core/op.ts';
import { rowsAlong, sizeOf } from '../../core/shape.ts';
import { fill, toTensor, type Tensor, type TensorLike, type TensorSpec } from '../../core/tensor.ts';
import { minimum } from '../elementwise/binary.ts';
import { lt } from '../elementwise/compare.ts';
import { where } from '../elementwise/where.ts';
import { sort } from '../indexing/ordered.ts';
import { expand } from '../movement/expand.ts';
import { max, min, sum } from '../reductions/reduce.ts';
import { cumsum } from '../reductions/scan.ts';

interface ThresholdAttrs {
  /** True if each value weighs 1, false if the values are the weights. */
  readonly counts: boolean;
}

const shapeOf = ({ shape }: TensorSpec, { counts }: ThresholdAttrs): ThresholdShape => {
  const { rows, length } = rowsAlong(shape, shape.length - 1);
  return { rows, length, counts };
};

const LOWEST = -3.4028234663852886e38;

export const massThresholdOp: KernelOp<ThresholdAttrs> = {
  name: 'massThreshold',
  kind: 'kernels',
  infer([x, mass]) {
    expectDType('massThreshold', 'x', x, 'f32');
    expectDType('massThreshold', 'mass', mass, 'f32');
    return [{ shape: [...x.shape.slice(0, -1), 1], dtype: 'f32' }];
  },
  cpu({ inputs: [x, [mass]], outputs: [y], inputSpecs, attrs }) {
    const { rows, length } = shapeOf(inputSpecs[0], attrs);
    for (let row = 0; row < rows; row++) {
      const sorted = Float64Array.from(x.subarray(row * length, (row + 1) * length)).sort().reverse(); // prettier-ignore
      let total = 0;
      let at = 0;
      for (; at < length && total < mass; at++) total += attrs.counts ? 1 : sorted[at];
      y[row] = total < mass ? LOWEST : sorted[Math.max(at, 1) - 1];
    }
  },
  gpu({ inputs: [x], attrs, capabilities }) {
    const shape = shapeOf(x, attrs);
    const serial = { name: 'serial', kernels: [thresholdSerial(shape)] };
    const tree = { name: 'tree', kernels: [thresholdTree(shape)] };
    return capabilities.software ? [serial, tree] : [tree, serial];
  },
  vjp: 'none',
  flops: ([x]) => 48 * sizeOf(x.shape),
  onnx: {
    as([x, mass], { counts }) {
      const { values } = sort(x, -1, { descending: true });
      const weights = counts ? fill([], 1) : values;
      const before = cumsum(expand(weights, x.shape), -1, { exclusive: true });
      const lowestTaken = min(where(lt(before, mass), values, -LOWEST), -1, true);
      const all = sum(expand(weights, x.shape), -1, true);
      const largest = max(x, -1, true);
      return where(lt(all, mass), LOWEST, minimum(lowestTaken, largest));
    },
  },
};

/**
 * For each row of x along its last axis, the largest of its values such that the values not below it reach `mass` in number,
 * or in sum if `of` is `'sum'`; the lowest f32 if all of them do not reach it.
 */
export const massThreshold = (x: Tensor, mass: TensorLike, of: 'number' | 'sum'): Tensor =>
  applyOne(massThresholdOp, [x, toTensor(mass)], { counts: of === 'number' });
