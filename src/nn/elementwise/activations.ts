// Activation functions as modules, for Sequential; elsewhere the functions of the same names read better.

import { sizeOf } from '../../core/shape.ts';
import type { Parameter } from '../../core/parameter.ts';
import type { Tensor } from '../../core/tensor.ts';
import * as activations from '../../ops/elementwise/activations.ts';
import { reshape } from '../../ops/movement/reshape.ts';
import { logSoftmax, softmax } from '../../ops/reductions/softmax.ts';
import { relu, sigmoid, tanh } from '../../ops/elementwise/unary.ts';
import { moduleOf } from '../function-module.ts';
import { filledParameter } from '../init.ts';
import { Module } from '../module.ts';

/** max(x, 0). */
export class ReLU extends moduleOf(relu) {}
/** x clamped to [0, 6]. */
export class ReLU6 extends moduleOf(activations.relu6) {}
/** 1 / (1 + e^-x). */
export class Sigmoid extends moduleOf(sigmoid) {}
/** Hyperbolic tangent. */
export class Tanh extends moduleOf(tanh) {}
/** `new LeakyReLU(negativeSlope = 0.01)`. */
export class LeakyReLU extends moduleOf(activations.leakyRelu) {}
/** `new ELU(alpha = 1)`. */
export class ELU extends moduleOf(activations.elu) {}
/** Scaled ELU. */
export class SELU extends moduleOf(activations.selu) {}
/** `new GELU({ approximate })`: 'none' or 'tanh'. */
export class GELU extends moduleOf((x: Tensor, options?: { approximate?: 'none' | 'tanh' }) => activations.gelu(x, options)) {} // prettier-ignore
/** x · sigmoid(x). */
export class SiLU extends moduleOf(activations.silu) {}
/** x · tanh(softplus(x)). */
export class Mish extends moduleOf(activations.mish) {}
/** `new Softplus({ beta = 1, threshold = 20 })`. */
export class Softplus extends moduleOf((x: Tensor, options?: { beta?: number; threshold?: number }) => activations.softplus(x, options)) {} // prettier-ignore
/** x / (1 + |x|). */
export class Softsign extends moduleOf(activations.softsign) {}
/** log of sigmoid(x). */
export class LogSigmoid extends moduleOf(activations.logsigmoid) {}
/** `new Hardtanh({ min = -1, max = 1 })`. */
export class Hardtanh extends moduleOf((x: Tensor, options?: { min?: number; max?: number }) => activations.hardtanh(x, options)) {} // prettier-ignore
/** x / 6 + 1/2, clamped to [0, 1]. */
export class Hardsigmoid extends moduleOf(activations.hardsigmoid) {}
/** x · hardsigmoid(x). */
export class Hardswish extends moduleOf(activations.hardswish) {}
/** `new GLU(axis = -1)`: the first half along the axis times the sigmoid of the second. */
export class GLU extends moduleOf(activations.glu) {}
/** `new Softmax(axis = -1)`. */
export class Softmax extends moduleOf(softmax) {}
/** `new LogSoftmax(axis = -1)`. */
export class LogSoftmax extends moduleOf(logSoftmax) {}
/** x unchanged. */
export class Identity extends moduleOf((x: Tensor) => x) {}

/** Merges the axes `start` to `end` into one, as torch.nn.Flatten: [N, C, H, W] → [N, C·H·W]. */
export class Flatten extends moduleOf((x: Tensor, start: number = 1, end: number = -1) => {
  const [first, last] = [start, end].map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  const { shape } = x;
  return reshape(x, [...shape.slice(0, first), sizeOf(shape.slice(first, last + 1)), ...shape.slice(last + 1)]);
}) {}

/** x where it is positive, weight · x elsewhere, as torch.nn.PReLU. */
export class PReLU extends Module {
  /** [count]: one for all, or one per index of axis 1. */
  readonly weight: Parameter;

  constructor(count = 1, initial = 0.25) {
    super();
    this.weight = filledParameter([count], initial);
  }

  forward(x: Tensor): Tensor {
    return activations.prelu(x, this.weight);
  }
}
