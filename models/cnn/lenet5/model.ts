// LeNet-5, the network that read digits on cheques: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based
// learning applied to document recognition", Proceedings of the IEEE 86(11), 1998, section II.B and figure 2.

import {
  add, avgPool2d, Conv2d, Dropout, filledParameter, flatten, Linear, maxPool2d, Module, mul, relu, reshape, tanh,
  type Parameter, type Tensor,
} from '../../../src/index.ts'; // prettier-ignore

/** Height and width of the input: a 28×28 MNIST digit with a margin of two pixels. */
export const LENET_SIZE = 32;
/** Digits 0 to 9. */
export const LENET_CLASSES = 10;

/** The variant of LeNet-5. */
export interface LeNet5Config {
  /** `tanh` as in the paper, or `relu`. */
  readonly activation: 'tanh' | 'relu';
  /** The paper's average pooling with a trainable gain and bias per map, or max pooling. */
  readonly pooling: 'scaledAverage' | 'max';
  /** Dropout probability of C5 and F6. */
  readonly dropout: number;
}

/** The paper's network, and today's common variant. */
export const lenet5Configs = {
  classic: { activation: 'tanh', pooling: 'scaledAverage', dropout: 0 },
  modern: { activation: 'relu', pooling: 'max', dropout: 0.25 },
} as const satisfies Record<string, LeNet5Config>;

/** The paper's "sub-sampling": the mean of 2 × 2 values, with a trainable gain and bias per map. */
class ScaledAverage extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(channels: number) {
    super();
    this.weight = filledParameter([channels], 1);
    this.bias = filledParameter([channels], 0);
  }

  forward(x: Tensor): Tensor {
    const perMap = (parameter: Parameter) => reshape(parameter, [-1, 1, 1]);
    return add(mul(avgPool2d(x, 2), perMap(this.weight)), perMap(this.bias));
  }
}

/** Every layer's output, with the paper's names. */
export interface LeNet5Maps {
  readonly c1: Tensor; // [B, 6, 28, 28]
  readonly s2: Tensor; // [B, 6, 14, 14]
  readonly c3: Tensor; // [B, 16, 10, 10]
  readonly s4: Tensor; // [B, 16, 5, 5]
  readonly c5: Tensor; // [B, 120, 1, 1]
  readonly f6: Tensor; // [B, 84]
  readonly logits: Tensor; // [B, 10]
}

/**
 * [B, 1, 32, 32] → [B, 10]. It differs from the paper like most LeNets since: C3 is connected to all maps of S2, and the output
 * is a linear layer for cross-entropy instead of radial basis functions.
 */
export class LeNet5 extends Module {
  override readonly title = 'LeNet-5';
  readonly c1 = new Conv2d(1, 6, 5);
  readonly s2: ScaledAverage | null;
  readonly c3 = new Conv2d(6, 16, 5);
  readonly s4: ScaledAverage | null;
  readonly c5 = new Conv2d(16, 120, 5);
  readonly f6 = new Linear(120, 84);
  readonly output = new Linear(84, 10);
  readonly dropout: Dropout;
  readonly #activate: (x: Tensor) => Tensor;

  constructor({ activation, pooling, dropout }: LeNet5Config = lenet5Configs.modern) {
    super();
    const scaled = pooling === 'scaledAverage';
    this.s2 = scaled ? new ScaledAverage(6) : null;
    this.s4 = scaled ? new ScaledAverage(16) : null;
    this.dropout = new Dropout(dropout);
    this.#activate = activation === 'tanh' ? tanh : relu;
  }

  forward(x: Tensor): Tensor {
    return this.maps(x).logits;
  }

  /** The forward pass with every layer's output. */
  maps(x: Tensor): LeNet5Maps {
    const activate = this.#activate;
    const drop = (maps: Tensor) => this.dropout.forward(maps);
    const pool = (layer: ScaledAverage | null, maps: Tensor) =>
      layer ? activate(layer.forward(maps)) : maxPool2d(maps, 2);
    const c1 = activate(this.c1.forward(x)); // [B, 6, 28, 28]
    const s2 = pool(this.s2, c1); // [B, 6, 14, 14]
    const c3 = activate(this.c3.forward(s2)); // [B, 16, 10, 10]
    const s4 = pool(this.s4, c3); // [B, 16, 5, 5]
    const c5 = drop(activate(this.c5.forward(s4))); // [B, 120, 1, 1]
    const f6 = drop(activate(this.f6.forward(flatten(c5)))); // [B, 84]
    const logits = this.output.forward(f6); // [B, 10]
    return { c1, s2, c3, s4, c5, f6, logits };
  }
}
