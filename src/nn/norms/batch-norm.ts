// Batch normalization layers: by the batch's statistics during training, by running ones otherwise.

import { formatShape } from '../../core/shape.ts';
import { Buffer, type Parameter } from '../../core/parameter.ts';
import type { Tensor } from '../../core/tensor.ts';
import { advance, isTraining, latest } from '../../core/trace.ts';
import { add, div, mul, sub } from '../../ops/elementwise/binary.ts';
import { cast } from '../../ops/elementwise/cast.ts';
import { detach } from '../../ops/elementwise/detach.ts';
import { batchNorm, batchNormTraining } from '../../ops/norms/norms.ts';
import { filledBuffer, filledParameter } from '../init.ts';
import { Module } from '../module.ts';

interface BatchNormLayerOptions {
  /** Added to the variance. */
  readonly epsilon?: number;
  /** Weight of a batch in the running statistics; null: their mean over all batches. */
  readonly momentum?: number | null;
  /** False omits weight and bias. */
  readonly affine?: boolean;
  /** False keeps no statistics: those of the batch are used in inference too. */
  readonly trackRunningStats?: boolean;
}

/** Shared by the layers for different ranks; property names are those of torch's checkpoints. */
class BatchNorm extends Module {
  /** [channels], initially 1. */
  readonly weight: Parameter | null;
  /** [channels], initially 0. */
  readonly bias: Parameter | null;
  /** [channels]: used in inference. */
  readonly running_mean: Buffer | null;
  /** [channels]: of unbiased variances. */
  readonly running_var: Buffer | null;
  /** Number of training batches so far. */
  readonly num_batches_tracked: Buffer | null;
  readonly #ranks: readonly number[];
  readonly #epsilon: number;
  readonly #momentum: number | null;

  constructor(ranks: readonly number[], channels: number, options: BatchNormLayerOptions) {
    super();
    const { epsilon = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    this.weight = affine ? filledParameter([channels], 1) : null;
    this.bias = affine ? filledParameter([channels], 0) : null;
    this.running_mean = trackRunningStats ? filledBuffer([channels], 0) : null;
    this.running_var = trackRunningStats ? filledBuffer([channels], 1) : null;
    this.num_batches_tracked = trackRunningStats
      ? Buffer.zeros({ shape: [], dtype: 'i32' }, { optional: true }) // missing from old files
      : null;
    this.#ranks = ranks;
    this.#epsilon = epsilon;
    this.#momentum = momentum;
  }

  /** Call it inside compile(). During training each call updates the running statistics. */
  forward(x: Tensor): Tensor {
    if (!this.#ranks.includes(x.shape.length)) {
      throw new Error(`${this.title}: takes ${this.#ranks.join(' or ')} axes, but was given ${formatShape(x.shape)}.`);
    }
    const options = { weight: this.weight, bias: this.bias, epsilon: this.#epsilon };
    const { running_mean, running_var, num_batches_tracked } = this;
    if (!running_mean || !running_var || !num_batches_tracked) return batchNormTraining(x, options).y;
    if (!isTraining()) return batchNorm(x, running_mean, running_var, options);

    const { y, mean, variance } = batchNormTraining(x, options);
    advance(num_batches_tracked, (count) => add(count, 1));
    const share = this.#momentum ?? div(1, cast(latest(num_batches_tracked), 'f32'));
    for (const [running, batch] of [
      [running_mean, mean],
      [running_var, variance],
    ] as const) {
      advance(running, (current) => add(mul(current, sub(1, share)), mul(detach(batch), share)));
    }
    return y;
  }
}

/** Batch normalization of [N, channels] or [N, channels, L] as torch.nn.BatchNorm1d. */
export class BatchNorm1d extends BatchNorm {
  constructor(channels: number, options: BatchNormLayerOptions = {}) {
    super([2, 3], channels, options);
  }
}

/** Batch normalization of [N, channels, H, W] as torch.nn.BatchNorm2d. */
export class BatchNorm2d extends BatchNorm {
  constructor(channels: number, options: BatchNormLayerOptions = {}) {
    super([4], channels, options);
  }
}
