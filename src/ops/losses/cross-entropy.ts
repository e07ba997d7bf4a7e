// Cross-entropy of logits against class labels, with softmax inside: one read of the logits; the gradient is elementwise.

import {
  crossEntropyRow,
  crossEntropyTree,
  type CrossEntropyShape,
} from '../../../shaders/losses/cross-entropy.wgsl.ts';
import { isFloat } from '../../core/dtype.ts';
import { floatType } from '../../core/kernel.ts';
import { apply, expectDType, type KernelOp } from '../../core/op.ts';
import { sameShape, sizeOf, type Shape } from '../../core/shape.ts';
import { Constant, formatSpec, type Tensor, type TensorSpec } from '../../core/tensor.ts';
import { add, div, mul, sub } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { clamp } from '../elementwise/clamp.ts';
import { eq, ne } from '../elementwise/compare.ts';
import { detach } from '../elementwise/detach.ts';
import { reduceLosses, type Reduction } from './losses.ts';
import { mean, sum } from '../reductions/reduce.ts';
import { reshape } from '../movement/reshape.ts';
import { logSoftmax } from '../reductions/softmax.ts';
import { exp, neg } from '../elementwise/unary.ts';
import { where } from '../elementwise/where.ts';

interface CrossEntropyAttrs {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
}

/** The shape of the labels for `logits`. */
const rowShape = (logits: Shape): number[] => [logits[0], ...logits.slice(2)];

/** A value per row, [N, …], reshaped to broadcast over the classes: [N, 1, …]. */
const liftRows = (rows: Tensor, [n, , ...rest]: Shape): Tensor => reshape(rows, [n, 1, ...rest]);

/** A value per class, [C], reshaped to broadcast over the rows: [C, 1, …]. */
const alongClasses = (values: Tensor, [, classes, ...rest]: Shape): Tensor =>
  reshape(values, [classes, ...rest.map(() => 1)]);

/** True at each row's label: bool[N, C, …]. */
function labelMask(labels: Tensor, shape: Shape): Tensor {
  const classes = shape[1];
  const numbers = new Constant(
    [classes],
    'i32',
    Int32Array.from({ length: classes }, (_, i) => i),
  );
  return eq(liftRows(clamp(labels, { min: 0, max: classes - 1 }), shape), alongClasses(numbers, shape));
}

function shapeFor([logits, , weight]: readonly TensorSpec[], attrs: CrossEntropyAttrs): CrossEntropyShape {
  return {
    rows: sizeOf(rowShape(logits.shape)),
    classes: logits.shape[1],
    stride: sizeOf(logits.shape.slice(2)),
    ignoreIndex: attrs.ignoreIndex,
    smoothing: attrs.labelSmoothing,
    logits: floatType(logits.dtype),
    weight: weight ? floatType(weight.dtype) : null,
  };
}

function check(who: string, [logits, labels, weight]: readonly TensorSpec[], attrs: CrossEntropyAttrs): void {
  const { labelSmoothing, ignoreIndex } = attrs;
  const fits =
    isFloat(logits.dtype) &&
    labels.dtype === 'i32' &&
    logits.shape.length >= 2 &&
    sameShape(labels.shape, rowShape(logits.shape));
  if (!fits) {
    throw new Error(
      `${who}: needs logits f32 (or f16) [N, C, …] and labels i32[N, …], but got ${formatSpec(logits)} and ${formatSpec(labels)}.`,
    );
  }
  if (logits.shape[1] === 0) throw new Error(`${who}: ${formatSpec(logits)} has no classes.`);
  if (weight && (weight.dtype !== logits.dtype || !sameShape(weight.shape, [logits.shape[1]]))) {
    throw new Error(
      `${who}: weight must be ${logits.dtype}[${logits.shape[1]}], one per class, but is ${formatSpec(weight)}.`,
    );
  }
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new Error(`${who}: labelSmoothing must be between 0 and 1, but is ${labelSmoothing}.`);
  }
  if (!Number.isInteger(ignoreIndex)) {
    throw new Error(`${who}: ignoreIndex must be an integer, but is ${ignoreIndex}.`);
  }
}

/** logits, labels and optionally weight → per row, in f32: loss, weight of the label, largest logit, sum of exponentials. */
export const crossEntropyOp: KernelOp<CrossEntropyAttrs> = {
  name: 'crossEntropy',
  kind: 'kernels',
  infer(inputs, attrs) {
    check('crossEntropy', inputs, attrs);
    return Array<TensorSpec>(4).fill({ shape: inputs[1].shape, dtype: 'f32' });
  },
  cpu({ inputs: [logits, labels, weight], outputs: [loss, scale, largest, total], inputSpecs, attrs }) {
    const { rows, classes, stride, ignoreIndex, smoothing } = shapeFor(inputSpecs, attrs);
    for (let row = 0; row < rows; row++) {
      const start = Math.floor(row / stride) * classes * stride + (row % stride);
      const at = (i: number) => logits[start + i * stride];
      let [most, sumOfExp, spread, weights] = [-Infinity, 0, 0, 0];
      for (let i = 0; i < classes; i++) most = Math.max(most, at(i));
      const label = Math.min(Math.max(labels[row], 0), classes - 1);
      for (let i = 0; i < classes; i++) {
        const w = weight?.[i] ?? 1;
        sumOfExp += Math.exp(at(i) - most);
        weights += w;
        if (smoothing > 0) spread += w * (at(label) - at(i));
      }
      const counts = labels[row] !== ignoreIndex;
      const w = counts ? (weight?.[label] ?? 1) : 0;
      const nll = Math.log(sumOfExp) + (most - at(label));
      const share = smoothing / classes;
      loss[row] = counts ? nll * ((1 - smoothing) * w + share * weights) + share * spread : 0;
      scale[row] = w;
      largest[row] = most;
      total[row] = sumOfExp;
    }
  },
  gpu({ inputs, attrs, capabilities }) {
    const shape = shapeFor(inputs, attrs);
    const row = { name: 'row', kernels: [crossEntropyRow(shape)] };
    const tree = { name: 'tree', kernels: [crossEntropyTree(shape)] };
    return capabilities.software || shape.classes < 64 ? [row, tree] : [tree, row];
  },
  // With p = softmax(logits), a row's gradient is a · p minus the target: (1 - ε) · scale at the label, ε / C · weight everywhere.
  vjp({ inputs: [given, labels, factors], outputs: [, scale, largest, total], gradients, attrs }) {
    const [logits, weight] = [cast(given, 'f32'), factors && cast(factors, 'f32')];
    const result = (g: Tensor | null) => [g && cast(g, given.dtype), null, null];
    const [forLoss, , , forTotal] = gradients;
    const { ignoreIndex, labelSmoothing } = attrs;
    const classes = logits.shape[1];
    const lift = (t: Tensor) => liftRows(t, logits.shape);
    // The shift by the largest logit cancels; the sum of exponentials depends on the logits.
    const exponentials = exp(sub(logits, detach(lift(largest))));
    const fromTotal = forTotal && mul(lift(forTotal), exponentials);
    if (!forLoss) return result(fromTotal);
    const isLabel = labelMask(labels, logits.shape);
    const certain = mul(forLoss, scale);
    const atLabel = (g: Tensor) => where(isLabel, lift(g), 0);
    const probabilities = div(exponentials, lift(total));
    if (labelSmoothing === 0) {
      const fromLoss = sub(mul(probabilities, lift(certain)), atLabel(certain));
      return result(fromTotal ? add(fromTotal, fromLoss) : fromLoss);
    }
    const counting = where(ne(labels, ignoreIndex), forLoss, 0);
    const spread = mul(counting, labelSmoothing / classes);
    const onLabel = mul(certain, 1 - labelSmoothing);
    const all = add(onLabel, weight ? mul(spread, sum(weight)) : mul(counting, labelSmoothing));
    const anywhere = weight ? mul(lift(spread), alongClasses(weight, logits.shape)) : lift(spread);
    const fromLoss = sub(sub(mul(probabilities, lift(all)), atLabel(onLabel)), anywhere);
    return result(fromTotal ? add(fromTotal, fromLoss) : fromLoss);
  },
  flops: ([logits]) => 4 * sizeOf(logits.shape),
  onnx: { none: 'It is a training loss: export the logits instead.' },
};

/** Settings of crossEntropy and nllLoss. */
export interface ClassLossOptions {
  /** A factor per class: f32[C] (of the logits' type), without gradient. The mean is weighted by the labels' factors. */
  readonly weight?: Tensor;
  /** Rows with this label are ignored (-100 by default). */
  readonly ignoreIndex?: number;
  readonly reduction?: Reduction;
}

export interface CrossEntropyOptions extends ClassLossOptions {
  /** Fraction of the target that is spread over all classes (Szegedy et al., 2016). */
  readonly labelSmoothing?: number;
}

/**
 * −log softmax(logits)[label]: logits f32[N, C, …], labels i32[N, …] of 0 … C-1 → f32, the mean over the rows, or for
 * `reduction: 'none'` f32[N, …]. Logits f32[C] take one label i32[]. Labels f32 with the shape of the logits are class
 * probabilities. With f16 logits and weight, the loss is computed in f32 and rounded at the end. Labels out of range are
 * clamped, since a GPU cannot report them. If all rows are ignored, the mean is 0 (PyTorch: NaN).
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { weight, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options;
  if (logits.shape.length === 1 && labels.shape.length === 0) {
    const row = reshape(logits, [1, logits.shape[0]]);
    const loss = crossEntropy(row, reshape(labels, [1]), options);
    return reduction === 'none' ? reshape(loss, []) : loss;
  }
  if (labels.dtype !== 'i32' && sameShape(logits.shape, labels.shape) && logits.shape.length > 1) {
    return fromShares(logits, labels, options);
  }
  const attrs = { ignoreIndex, labelSmoothing };
  const [losses, scale] = apply(crossEntropyOp, weight ? [logits, labels, weight] : [logits, labels], attrs);
  const loss = reduction === 'mean' ? weightedMean(losses, scale) : reduceLosses(losses, reduction);
  return cast(loss, logits.dtype);
}

/**
 * −logProbabilities[label]: what crossEntropy does after its softmax, with the same shapes and settings (except for labels
 * as class probabilities).
 */
export function nllLoss(logProbabilities: Tensor, labels: Tensor, options: ClassLossOptions = {}): Tensor {
  const { weight, ignoreIndex = -100, reduction = 'mean' } = options;
  const { shape } = logProbabilities;
  check('nllLoss', weight ? [logProbabilities, labels, weight] : [logProbabilities, labels], { ignoreIndex, labelSmoothing: 0 }); // prettier-ignore
  const isLabel = labelMask(labels, shape);
  const counts = ne(labels, ignoreIndex);
  const factors = weight && alongClasses(cast(weight, 'f32'), shape);
  const scale = where(counts, factors ? sum(where(isLabel, factors, 0), 1) : 1, 0);
  const losses = neg(mul(scale, sum(where(isLabel, cast(logProbabilities, 'f32'), 0), 1)));
  const loss = reduction === 'mean' ? weightedMean(losses, scale) : reduceLosses(losses, reduction);
  return cast(loss, logProbabilities.dtype);
}

/** Σ losses / Σ scale, where `scale` is 0 for ignored rows. */
function weightedMean(losses: Tensor, scale: Tensor): Tensor {
  const total = sum(scale);
  return div(sum(losses), where(eq(total, 0), 1, total));
}

/** Cross-entropy against class probabilities. */
function fromShares(logits: Tensor, shares: Tensor, options: CrossEntropyOptions): Tensor {
  const { weight, reduction = 'mean', labelSmoothing = 0 } = options;
  expectDType('crossEntropy', 'labels of the shape of the logits', shares, logits.dtype);
  if (logits.dtype === 'f16') {
    const inF32 = { ...options, weight: weight && cast(weight, 'f32') };
    return cast(fromShares(cast(logits, 'f32'), cast(shares, 'f32'), inF32), 'f16');
  }
  const classes = logits.shape[1];
  const target = labelSmoothing > 0 ? add(mul(shares, 1 - labelSmoothing), labelSmoothing / classes) : shares;
  const factors = weight && alongClasses(weight, logits.shape);
  const terms = mul(target, logSoftmax(logits, 1));
  const losses = neg(sum(factors ? mul(terms, factors) : terms, 1));
  return reduction === 'mean' ? mean(losses) : reduceLosses(losses, reduction);
}
