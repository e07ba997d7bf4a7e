// A linear layer whose weights are stored in 4 or 8 bits.

import { Parameter, type Tensor } from '../core/tensor.ts';
import { add } from '../ops/binary.ts';
import { quantize, quantizedMatmul, type Quantization } from '../ops/quantized.ts';
import type { Linear } from './linear.ts';
import { Module } from './module.ts';

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
    const { packed, scales } = quantize(await weight.read(), quantization);
    return new QuantizedLinear(
      new Parameter('packed', packed, false),
      new Parameter('scales', scales, false),
      bias,
      quantization,
    );
  }

  forward(x: Tensor): Tensor {
    const y = quantizedMatmul(x, this.packed, this.scales, this.#quantization);
    return this.bias ? add(y, this.bias) : y;
  }
}
