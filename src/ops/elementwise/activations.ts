// Activation functions: a line of WGSL each, the same on the CPU, and a gradient from x alone, so that nothing else is kept.

import * as functions from '../../../shaders/lib/functions.wgsl.ts';
import { f32Literal } from '../../../shaders/lib/literal.wgsl.ts';
import { erfOf } from '../../core/functions.ts';
import type { Onnx } from '../../core/onnx.ts';
import { applyOne, expectDType } from '../../core/op.ts';
import { formatShape, resolveAxis } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, div, mul, sub } from './binary.ts';
import { clamp } from './clamp.ts';
import { gt, lt } from './compare.ts';
import { nest, nested, type NestedNode } from '../lib/onnx.ts';
import { alike, pointwise } from './pointwise.ts';
import { reshape } from '../movement/reshape.ts';
import { slice } from '../movement/slice.ts';
import { abs, erf, exp, neg, reciprocal, sigmoid, square, tanh } from './unary.ts';
import { where } from './where.ts';

/** `derivative`: the gradient of x from that of the output. */
function activation<A extends object>(
  name: string,
  wgsl: (x: string, attrs: A) => string,
  cpu: (x: number, attrs: A) => number,
  derivative: (g: Tensor, x: Tensor, attrs: A) => Tensor,
  onnx: Onnx<A>,
  helpers?: string,
) {
  return pointwise<A>({
    name,
    dtype: alike(name, 'f32', 'f16'),
    wgsl: ([x], attrs) => wgsl(x, attrs),
    cpu: ([x], attrs) => cpu(x, attrs),
    helpers,
    vjp: (g, { inputs: [x], attrs }) => [derivative(g, x, attrs)],
    onnx,
  });
}

const leakyReluOp = activation<{ slope: number }>(
  'leakyRelu',
  (x, { slope }) => `select(${x} * ${f32Literal(slope)}, ${x}, ${x} > 0.0)`,
  (x, { slope }) => (x > 0 ? x : x * slope),
  (g, x, { slope }) => where(gt(x, 0), g, mul(g, slope)),
  (graph, { inputs: [x], attrs }) => graph.node('LeakyRelu', [x], { alpha: { float: attrs.slope } }),
);
/** x where it is positive, `negativeSlope` · x elsewhere. */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor =>
  applyOne(leakyReluOp, [x], { slope: Math.fround(negativeSlope) });

/** Factors of x above 0 and of e^x - 1 below. Rounded to f32, like the constants of gradients. */
interface EluAttrs {
  readonly above: number;
  readonly below: number;
}

const eluLike = (name: string) =>
  activation<EluAttrs>(
    name,
    (x, { above, below }) =>
      `select(real_expm1(min(${x}, 0.0)) * ${f32Literal(below)}, ${x} * ${f32Literal(above)}, ${x} > 0.0)`,
    (x, { above, below }) => (x > 0 ? x * above : Math.expm1(x) * below),
    (g, x, { above, below }) => mul(g, where(gt(x, 0), above, mul(exp(clamp(x, { max: 0 })), below))),
    (graph, { inputs: [x], attrs: { above, below } }) =>
      graph.node('Selu', [x], { gamma: { float: above }, alpha: { float: below / above } }),
    functions.expm1,
  );
const [eluOp, seluOp] = [eluLike('elu'), eluLike('selu')];
/** x where it is positive, `alpha` · (e^x - 1) elsewhere (Clevert et al., 2015). */
export const elu = (x: Tensor, alpha = 1): Tensor => applyOne(eluOp, [x], { above: 1, below: Math.fround(alpha) });

const SELU: EluAttrs = {
  above: Math.fround(1.0507009873554805),
  below: Math.fround(1.0507009873554805 * 1.6732632423543772),
};
/** 1.0507 · elu(x, 1.6733): keeps mean 0 and variance 1 from layer to layer (Klambauer et al., 2017). */
export const selu = (x: Tensor): Tensor => applyOne(seluOp, [x], SELU);

const siluOp = activation(
  'silu',
  (x) => `${x} / (1.0 + exp(-clamp(${x}, -87.0, 87.0)))`,
  (x) => x / (1 + Math.exp(-x)),
  (g, x) => {
    const s = sigmoid(x);
    return mul(g, mul(s, add(1, mul(x, sub(1, s)))));
  },
  nested(([x]) => ['Mul', x, ['Sigmoid', x]]),
);
/** x · sigmoid(x), also called swish. */
export const silu = (x: Tensor): Tensor => applyOne(siluOp, [x], {});

/** log √(2π): subtracted from an exponent, which rounds less than a factor. */
const LOG_ROOT_TAU = 0.9189385332046727;
const geluOp = activation(
  'gelu',
  (x) => `0.5 * ${x} * (1.0 + real_erf(${x} * ${f32Literal(Math.SQRT1_2)}))`,
  (x) => 0.5 * x * (1 + erfOf(x * Math.SQRT1_2)),
  (g, x) => {
    const cumulative = mul(0.5, add(1, erf(mul(x, Math.SQRT1_2))));
    const density = exp(sub(mul(-0.5, square(x)), LOG_ROOT_TAU));
    return mul(g, add(cumulative, mul(x, density)));
  },
  nested(([x]) => ['Mul', ['Mul', x, 0.5], ['Add', ['Erf', ['Mul', x, Math.SQRT1_2]], 1]]),
  functions.erf,
);

const [TANH_SCALE, TANH_CUBIC] = [Math.sqrt(2 / Math.PI), 0.044715];
/** The argument of tanh. WGSL clamps x to ±10: beyond, tanh is ±1 and the cube would overflow. */
const tanhArgument = (x: number): number => TANH_SCALE * (x + TANH_CUBIC * x ** 3);
const geluTanhOp = activation(
  'geluTanh',
  (x) => `gelu_tanh(${x})`,
  (x) => 0.5 * x * (1 + Math.tanh(tanhArgument(x))),
  (g, x) => {
    const bounded = clamp(x, { min: -10, max: 10 });
    const s = square(bounded);
    const t = tanh(mul(bounded, add(TANH_SCALE, mul(s, TANH_SCALE * TANH_CUBIC))));
    const inner = add(TANH_SCALE, mul(s, 3 * TANH_SCALE * TANH_CUBIC));
    const slope = mul(mul(bounded, sub(1, square(t))), inner);
    return mul(g, mul(0.5, add(add(1, t), slope)));
  },
  nested(([x]) => {
    const inner: NestedNode = ['Mul', x, ['Add', ['Mul', ['Mul', x, x], TANH_SCALE * TANH_CUBIC], TANH_SCALE]];
    return ['Mul', ['Mul', x, 0.5], ['Add', ['Tanh', inner], 1]];
  }),
  /* wgsl */ `
fn gelu_tanh(x: f32) -> f32 {
  let c = clamp(x, -10.0, 10.0);
  return 0.5 * x * (1.0 + tanh(clamp(c * (${f32Literal(TANH_SCALE)} + ${f32Literal(TANH_SCALE * TANH_CUBIC)} * c * c), -15.0, 15.0)));
}`,
);
/** x times the normal distribution's CDF at x (Hendrycks and Gimpel, 2016), or `approximate: 'tanh'` for its approximation. */
export const gelu = (x: Tensor, { approximate = 'none' as 'none' | 'tanh' } = {}): Tensor =>
  applyOne(approximate === 'tanh' ? geluTanhOp : geluOp, [x], {});

interface SoftplusAttrs {
  readonly beta: number;
  readonly threshold: number;
}

const softplusOp = activation<SoftplusAttrs>(
  'softplus',
  (x, { beta, threshold }) => {
    const scaled = `(${x} * ${f32Literal(beta)})`;
    const soft = `(max(${scaled}, 0.0) + real_log1p(exp(-abs(${scaled})))) * ${f32Literal(1 / beta)}`;
    return `select(${soft}, ${x}, ${scaled} > ${f32Literal(threshold)})`;
  },
  (x, { beta, threshold }) =>
    x * beta > threshold ? x : (Math.max(x * beta, 0) + Math.log1p(Math.exp(-Math.abs(x * beta)))) / beta,
  (g, x, { beta, threshold }) => {
    const scaled = mul(x, beta);
    return where(gt(scaled, threshold), g, mul(g, sigmoid(scaled)));
  },
  (graph, { inputs: [x], attrs: { beta, threshold } }) => {
    const scaled = graph.node('Mul', [x, beta]);
    const soft = nest(graph, ['Div', ['Softplus', scaled], beta]);
    return graph.node('Where', [graph.node('Greater', [scaled, threshold]), x, soft]);
  },
  functions.log1p,
);
/** log(1 + e^(beta·x)) / beta; x itself where beta·x is above `threshold`. */
export const softplus = (x: Tensor, { beta = 1, threshold = 20 } = {}): Tensor =>
  applyOne(softplusOp, [x], { beta, threshold });

const logsigmoidOp = activation(
  'logsigmoid',
  (x) => `min(${x}, 0.0) - real_log1p(exp(-abs(${x})))`,
  (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))),
  (g, x) => mul(g, sigmoid(neg(x))),
  nested(([x]) => ['Neg', ['Softplus', ['Neg', x]]]),
  functions.log1p,
);
/** log of sigmoid(x). */
export const logsigmoid = (x: Tensor): Tensor => applyOne(logsigmoidOp, [x], {});

const rangeOf = (name: string) =>
  activation<{ min: number; max: number }>(
    name,
    (x, { min, max }) => `min(max(${x}, ${f32Literal(min)}), ${f32Literal(max)})`,
    (x, { min, max }) => Math.min(Math.max(x, min), max),
    (g, x, { min, max }) => where(gt(x, min), where(lt(x, max), g, 0), 0),
    (graph, { inputs: [x], attrs: { min, max } }) => graph.node('Clip', [x, min, max]),
  );
const [hardtanhOp, relu6Op] = [rangeOf('hardtanh'), rangeOf('relu6')];
/** x clamped to `min` and `max`; unlike clamp's, its gradient is 0 at both bounds. */
export const hardtanh = (x: Tensor, { min = -1, max = 1 } = {}): Tensor => applyOne(hardtanhOp, [x], { min, max });
/** x clamped to [0, 6]. */
export const relu6 = (x: Tensor): Tensor => applyOne(relu6Op, [x], { min: 0, max: 6 });

const hardsigmoidOp = activation(
  'hardsigmoid',
  (x) => `clamp(${x} / 6.0 + 0.5, 0.0, 1.0)`,
  (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1),
  (g, x) => where(lt(abs(x), 3), div(g, 6), 0),
  (graph, { inputs: [x] }) => graph.node('HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
);
/** x / 6 + 1/2, clamped to [0, 1]. */
export const hardsigmoid = (x: Tensor): Tensor => applyOne(hardsigmoidOp, [x], {});

const hardswishOp = activation(
  'hardswish',
  (x) => `${x} * clamp(${x} / 6.0 + 0.5, 0.0, 1.0)`,
  (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
  (g, x) => where(lt(x, -3), 0, where(lt(x, 3), mul(g, add(div(x, 3), 0.5)), g)),
  'HardSwish',
);
/** x · hardsigmoid(x) (Howard et al., 2019). */
export const hardswish = (x: Tensor): Tensor => applyOne(hardswishOp, [x], {});

const mishOp = activation(
  'mish',
  (x) => `mish(${x})`,
  (x) => x * Math.tanh(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  (g, x) => {
    const t = tanh(softplus(x));
    return mul(g, add(t, mul(mul(x, sigmoid(x)), sub(1, square(t)))));
  },
  nested(([x]) => ['Mul', x, ['Tanh', ['Softplus', x]]]),
  // With n = e^x, tanh(log(1 + n)) is n(n + 2) / (n(n + 2) + 2), which is 1 from 20 on.
  /* wgsl */ `
fn mish(x: f32) -> f32 {
  let n = exp(min(x, 20.0));
  let m = n * (n + 2.0);
  return x * (m / (m + 2.0));
}`,
);
/** x · tanh(softplus(x)) (Misra, 2019). */
export const mish = (x: Tensor): Tensor => applyOne(mishOp, [x], {});

const softsignOp = activation(
  'softsign',
  (x) => `${x} / (1.0 + abs(${x}))`,
  (x) => x / (1 + Math.abs(x)),
  (g, x) => mul(g, square(reciprocal(add(1, abs(x))))),
  'Softsign',
);
/** x / (1 + |x|). */
export const softsign = (x: Tensor): Tensor => applyOne(softsignOp, [x], {});

/** x where it is positive, `weight` · x elsewhere: one weight, or one per index of axis 1 (He et al., 2015). */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const rank = x.shape.length;
  expectDType('prelu', 'x', x, 'f32', 'f16');
  if (weight.size !== 1 && (weight.shape.length !== 1 || rank < 2 || weight.size !== x.shape[1])) {
    throw new Error(
      `prelu: weight ${formatShape(weight.shape)} must hold one number, or one per index of axis 1 of ${formatShape(x.shape)}.`,
    );
  }
  const shape = weight.size === 1 ? [] : [weight.size, ...Array<number>(rank - 2).fill(1)];
  return where(gt(x, 0), x, mul(reshape(weight, shape), x));
}

/** The first half of x along `axis` (the last one by default) times the sigmoid of the second (Dauphin et al., 2016). */
export function glu(x: Tensor, axis = -1): Tensor {
  const at = resolveAxis('glu', axis, x.shape.length);
  if (x.shape[at] % 2 !== 0) {
    throw new Error(`glu: axis ${axis} of ${formatShape(x.shape)} must have an even size, to be split in halves.`);
  }
  const half = x.shape[at] / 2;
  const from = (start: number) =>
    slice(x, x.shape.map((_, i) => (i === at ? start : 0)), x.shape.map((dim, i) => (i === at ? start + half : dim))); // prettier-ignore
  return mul(from(0), sigmoid(from(half)));
}

export const activationOps = [
  leakyReluOp, eluOp, seluOp, siluOp, geluOp, geluTanhOp, softplusOp, logsigmoidOp, hardtanhOp, relu6Op,
  hardsigmoidOp, hardswishOp, mishOp, softsignOp,
]; // prettier-ignore
