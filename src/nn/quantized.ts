// Layers whose weights are stored in 4 or 8 bits, made from trained ones.

import { Parameter, type Tensor } from '../core/tensor.ts';
import { add } from '../ops/binary.ts';
import { quantize, quantizedEmbedding, quantizedMatmul, type Quantization } from '../ops/quantized.ts';
import type { Embedding } from './embedding.ts';
import type { Linear } from './linear.ts';
import { Module } from './module.ts';

/** A weight as `quantize` gives it: state that no optimizer changes. */
async function quantizedParameters(weight: Parameter, quantization: Quantization): Promise<[Parameter, Parameter]> {
  const { packed, scales } = quantize(await weight.read(), quantization);
  return [new Parameter('packed', packed, false), new Parameter('scales', scales, false)];
}

/** `Linear` for inference with an eighth or a quarter of the memory: [..., in] → [..., out]. */
export class QuantizedLinear extends Module {
  /** u32 [out, in · bits / 32] */
  readonly packed: Parameter;
  /** [out, in / group] */
  readonly scales: Parameter;
  readonly bias: Parameter | null;
  readonly #quantization: Quantization;

  private constructor(packed: Parameter, scales: Parameter, bias: Parameter | null, quantization: Quantization) {
    super();
    this.packed = packed;
    this.scales = scales;
    this.bias = bias;
    this.#quantization = quantization;
  }

  /** The layer that computes nearly what `layer` does, with its bias. */
  static async from({ weight, bias }: Linear, quantization: Quantization): Promise<QuantizedLinear> {
    return new QuantizedLinear(...(await quantizedParameters(weight, quantization)), bias, quantization);
  }

  forward(x: Tensor): Tensor {
    const y = quantizedMatmul(x, this.packed, this.scales, this.#quantization);
    return this.bias ? add(y, this.bias) : y;
  }
}

/** `Embedding` for inference with an eighth or a quarter of the memory: i32 [...] → [..., width]. */
export class QuantizedEmbedding extends Module {
  /** u32 [count, width · bits / 32] */
  readonly packed: Parameter;
  /** [count, width / group] */
  readonly scales: Parameter;
  readonly #quantization: Quantization;

  private constructor(packed: Parameter, scales: Parameter, quantization: Quantization) {
    super();
    this.packed = packed;
    this.scales = scales;
    this.#quantization = quantization;
  }

  /** The table that holds nearly what `table` does. */
  static async from({ weight }: Embedding, quantization: Quantization): Promise<QuantizedEmbedding> {
    return new QuantizedEmbedding(...(await quantizedParameters(weight, quantization)), quantization);
  }

  forward(ids: Tensor): Tensor {
    return quantizedEmbedding(ids, this.packed, this.scales, this.#quantization);
  }
}
