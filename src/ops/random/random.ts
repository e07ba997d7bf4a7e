// Random numbers as elementwise functions of a counter: nothing is stored, and backward passes draw the same numbers again.

import { threefry } from '../../../shaders/lib/threefry.wgsl.ts';
import type { DType } from '../../core/dtype.ts';
import { randomOnly } from '../../core/onnx.ts';
import { applyOne, expectDType, type Op } from '../../core/op.ts';
import { threefry2x32, unitFloat } from '../../core/random.ts';
import { expectWhole, type Shape } from '../../core/shape.ts';
import { Tensor, type TensorLike } from '../../core/tensor.ts';
import { currentTrace } from '../../core/trace.ts';
import { argmax } from '../reductions/arg-extreme.ts';
import { add, minimum, mul } from '../elementwise/binary.ts';
import { remainder } from '../elementwise/remainder.ts';
import { cast } from '../elementwise/cast.ts';
import { gt, lt } from '../elementwise/compare.ts';
import { pointwise } from '../elementwise/pointwise.ts';
import { reshape } from '../movement/reshape.ts';
import { argsort, firstInOrder } from '../indexing/sort.ts';
import { cos, log, log1p, neg, sqrt } from '../elementwise/unary.ts';
import { where } from '../elementwise/where.ts';

interface DrawAttrs {
  readonly shape: Shape;
  /** Index of the draw in its program: no two share their numbers. */
  readonly stream: number;
}

/** An op that draws each element from one random word. */
const drawOp = (name: string, dtype: DType, cpu: (word: number) => number) =>
  pointwise<DrawAttrs>({
    name,
    dtype: () => dtype,
    shape: (_inputs, { shape }) => shape,
    wgsl: ([seed, run], { stream }) => `random_${name}(${seed}, ${run}, ${stream}u, index)`,
    cpu: ([seed, run], { stream }, index) => cpu(threefry2x32(seed, run, index >>> 1, stream)[index & 1]),
    helpers: threefry,
    vjp: () => [null, null],
    onnx: randomOnly,
  });

export const uniformOp = drawOp('uniform', 'f32', unitFloat);
export const wordOp = drawOp('word', 'u32', (word) => word);

function draw(who: string, op: Op<DrawAttrs>, shape: Shape): Tensor {
  expectWhole(who, 'sizes', shape, 0);
  const trace = currentTrace(`${who}()`);
  return applyOne(op, [trace.random.seed, trace.random.run], { shape, stream: trace.draws++ });
}

/** Random numbers in [0, 1), new ones on every run of the program: the same bits on every device. */
export const uniform = (shape: Shape): Tensor => draw('uniform', uniformOp, shape);

/** Words of 32 random bits (u32): the same on every device. */
const words = (who: string, shape: Shape): Tensor => draw(who, wordOp, shape);

/**
 * Random numbers from the normal distribution (Box and Muller, 1958). `mean` and `std` may be tensors that broadcast with
 * `shape`. Devices agree to a few units in the last place, as their logarithms do.
 */
export function normal(shape: Shape, mean: TensorLike = 0, std: TensorLike = 1): Tensor {
  const radius = sqrt(mul(log1p(neg(draw('normal', uniformOp, shape))), -2));
  const standard = mul(radius, cos(mul(draw('normal', uniformOp, shape), 2 * Math.PI)));
  const scaled = std === 1 ? standard : mul(standard, std);
  return mean === 0 ? scaled : add(scaled, mean);
}

/**
 * 1 with probability `p` and 0 otherwise, as f32: with the shape of `p`, or with `shape` if `p` is a number or broadcasts.
 * The same on every device.
 */
export function bernoulli(p: TensorLike, shape: Shape = p instanceof Tensor ? p.shape : []): Tensor {
  if (typeof p === 'number' && !(p >= 0 && p <= 1))
    throw new Error(`bernoulli: p must be between 0 and 1, but is ${p}.`);
  return cast(lt(draw('bernoulli', uniformOp, shape), p), 'f32');
}

/**
 * Random integers (i32) in [`low`, `high`), the same on every device. Probabilities differ by a factor of at most
 * 1 + (high - low) / 2³².
 */
export function randint(low: number, high: number, shape: Shape): Tensor {
  const within = (value: number) => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31;
  if (!within(low) || !within(high - 1) || low >= high || high - low >= 2 ** 32) {
    throw new Error(`randint: low and high must be i32 integers with low < high, but are ${low} and ${high}.`); // prettier-ignore
  }
  return add(cast(remainder(words('randint', shape), high - low), 'i32'), low);
}

/** Random numbers from the Gumbel distribution: added to scores, the argmax is distributed as their softmax. */
function gumbel(who: string, shape: Shape): Tensor {
  // All bits of the word count near 0, which gives the extreme results; 1 would give an infinity.
  const u = minimum(mul(add(cast(words(who, shape), 'f32'), 0.5), 2 ** -32), 1 - 2 ** -24);
  return neg(log(neg(log1p(neg(u)))));
}

/**
 * Draws classes with the probabilities softmax(logits) along the last axis: logits […, C] (f32 or f16) → i32[…], or
 * i32[…, samples] with replacement (Gumbel-max: Gumbel, 1954). Devices agree unless two scores nearly tie.
 */
export function categorical(logits: Tensor, { samples }: { readonly samples?: number } = {}): Tensor {
  expectDType('categorical', 'logits', logits, 'f32', 'f16');
  const scores = cast(logits, 'f32');
  if (samples === undefined) return argmax(add(scores, gumbel('categorical', logits.shape)), -1);
  expectWhole('categorical', 'samples', [samples], 1);
  const [rows, classes] = [logits.shape.slice(0, -1), logits.shape.at(-1)!];
  return argmax(add(reshape(scores, [...rows, 1, classes]), gumbel('categorical', [...rows, samples, classes])), -1);
}

/**
 * Draws `samples` classes with probabilities proportional to `weights` […, C] (f32 or f16): i32[…, samples]. Without
 * `replacement` (the default) no class is drawn twice, as torch.multinomial (Gumbel-top-k: Vieira, 2014); weights of 0 are
 * drawn last.
 */
export function multinomial(weights: Tensor, samples: number, replacement = false): Tensor {
  expectDType('multinomial', 'weights', weights, 'f32', 'f16');
  const classes = weights.shape.at(-1) ?? 0;
  expectWhole('multinomial', 'samples', [samples], 1);
  if (!replacement && samples > classes) {
    throw new Error(`multinomial: cannot draw ${samples} samples from ${classes} classes without replacement.`);
  }
  const likely = cast(weights, 'f32');
  const logits = where(gt(likely, 0), log(where(gt(likely, 0), likely, 1)), -1e30);
  if (replacement) return categorical(logits, { samples });
  const scores = add(logits, gumbel('multinomial', weights.shape));
  return firstInOrder(scores, samples, weights.shape.length - 1, true);
}

/** The numbers 0 … n-1 in random order, as i32[n]: the same on every device. */
export const permutation = (n: number): Tensor => argsort(words('permutation', [n]));

/** Sets each element to 0 with probability `p` and scales the others by 1 / (1 - p) (Srivastava et al., 2014). */
export function dropout(x: Tensor, p = 0.5): Tensor {
  if (!(p >= 0 && p < 1)) throw new Error(`dropout: p must be at least 0 and below 1, but is ${p}.`);
  return p === 0 ? x : where(lt(uniform(x.shape), p), 0, mul(x, 1 / (1 - p)));
}
