// Normalization layers without state besides weight and bias.

import type { Shape } from '../../core/shape.ts';
import type { Parameter } from '../../core/parameter.ts';
import type { Tensor } from '../../core/tensor.ts';
import {
  groupNorm,
  instanceNorm,
  layerNorm,
  localResponseNorm,
  rmsNorm,
  type LocalResponseNormOptions,
} from '../../ops/norms/norms.ts';
import { filledParameter } from '../init.ts';
import { Module } from '../module.ts';

interface NormLayerOptions {
  /** Added to the variance. */
  readonly epsilon?: number;
  /** False omits weight and bias. */
  readonly affine?: boolean;
}

/** Layer normalization over the last axes as torch.nn.LayerNorm; `shape` are their sizes, or the size of the last one. */
export class LayerNorm extends Module {
  /** Of the normalized shape, initially 1. */
  readonly weight: Parameter | null;
  /** Of the normalized shape, initially 0. */
  readonly bias: Parameter | null;
  readonly #shape: Shape;
  readonly #epsilon: number;

  constructor(
    shape: number | Shape,
    { epsilon = 1e-5, affine = true, bias = true }: NormLayerOptions & { bias?: boolean } = {},
  ) {
    super();
    this.#shape = typeof shape === 'number' ? [shape] : shape;
    this.#epsilon = epsilon;
    this.weight = affine ? filledParameter(this.#shape, 1) : null;
    this.bias = affine && bias ? filledParameter(this.#shape, 0) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, bias } = this;
    return layerNorm(x, this.#shape, { weight, bias, epsilon: this.#epsilon });
  }
}

/** Root mean square normalization over the last axes as torch.nn.RMSNorm. */
export class RMSNorm extends Module {
  /** Of the normalized shape, initially 1. */
  readonly weight: Parameter | null;
  readonly #shape: Shape;
  readonly #epsilon: number | undefined;

  constructor(shape: number | Shape, { epsilon, affine = true }: NormLayerOptions = {}) {
    super();
    this.#shape = typeof shape === 'number' ? [shape] : shape;
    this.#epsilon = epsilon;
    this.weight = affine ? filledParameter(this.#shape, 1) : null;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.#shape, { weight: this.weight, epsilon: this.#epsilon });
  }
}

/** Group normalization of [N, channels, ...] as torch.nn.GroupNorm. */
export class GroupNorm extends Module {
  /** [channels], initially 1. */
  readonly weight: Parameter | null;
  /** [channels], initially 0. */
  readonly bias: Parameter | null;
  readonly #groups: number;
  readonly #epsilon: number;

  constructor(groups: number, channels: number, { epsilon = 1e-5, affine = true }: NormLayerOptions = {}) {
    super();
    this.#groups = groups;
    this.#epsilon = epsilon;
    this.weight = affine ? filledParameter([channels], 1) : null;
    this.bias = affine ? filledParameter([channels], 0) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, bias } = this;
    return groupNorm(x, this.#groups, { weight, bias, epsilon: this.#epsilon });
  }
}

/** Instance normalization of [N, channels, H, W] as torch.nn.InstanceNorm2d: without weight and bias unless `affine`. */
export class InstanceNorm2d extends Module {
  /** [channels], initially 1. */
  readonly weight: Parameter | null;
  /** [channels], initially 0. */
  readonly bias: Parameter | null;
  readonly #epsilon: number;

  constructor(channels: number, { epsilon = 1e-5, affine = false }: NormLayerOptions = {}) {
    super();
    this.#epsilon = epsilon;
    this.weight = affine ? filledParameter([channels], 1) : null;
    this.bias = affine ? filledParameter([channels], 0) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, bias } = this;
    return instanceNorm(x, { weight, bias, epsilon: this.#epsilon });
  }
}

/** Local response normalization over `size` neighbouring channels as torch.nn.LocalResponseNorm. */
export class LocalResponseNorm extends Module {
  readonly #size: number;
  readonly #options: LocalResponseNormOptions;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    this.#size = size;
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.#size, this.#options);
  }
}
