// Layers whose weights are stored in 4 or 8 bits, made from trained ones.

import type { TensorData } from '../../core/dtype.ts';
import { Buffer, type Parameter } from '../../core/parameter.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { quantizedMatmul } from '../../ops/matmul/quantized-matmul.ts';
import { quantize, quantizedEmbedding, type Quantization } from '../../ops/matmul/quantized.ts';
import type { Embedding } from '../indexing/embedding.ts';
import type { Linear } from './linear.ts';
import { Module } from '../module.ts';

/** How a layer's weights are stored. */
export interface QuantizationOptions extends Quantization {
  /** True: unsigned values and a zero point per group, better for weights of mostly one sign (see `quantize`). */
  readonly asymmetric?: boolean;
}

/** A weight as `quantize` returns it: state that no optimizer changes. */
abstract class Quantized extends Module {
  /** u32 [N, K · bits / 32] */
  readonly packed: Parameter;
  /** [N, K / group] */
  readonly scales: Parameter;
  /** [N, K / group]; null for signed values. */
  readonly zeros: Parameter | null;
  protected readonly quantization: Quantization;

  protected constructor(weight: TensorData, { asymmetric, ...quantization }: QuantizationOptions) {
    super();
    const { packed, scales, zeros } = quantize(weight, quantization, { asymmetric });
    this.packed = new Buffer(packed);
    this.scales = new Buffer(scales);
    this.zeros = zeros && new Buffer(zeros);
    this.quantization = quantization;
  }
}

/** `Linear` for inference with an eighth or a quarter of the memory: [..., in] → [..., out]. */
export class QuantizedLinear extends Quantized {
  readonly bias: Parameter | null;

  private constructor(weight: TensorData, bias: Parameter | null, options: QuantizationOptions) {
    super(weight, options);
    this.bias = bias;
  }

  /** A quantized version of a layer, sharing its bias. */
  static async from({ weight, bias }: Linear, options: QuantizationOptions): Promise<QuantizedLinear> {
    return new QuantizedLinear(await weight.read(), bias, options);
  }

  forward(x: Tensor): Tensor {
    const y = quantizedMatmul(x, this.packed, this.scales, this.quantization, this.zeros);
    return this.bias ? add(y, this.bias) : y;
  }
}

/** `Embedding` for inference with an eighth or a quarter of the memory: i32 [...] → [..., width]. */
export class QuantizedEmbedding extends Quantized {
  /** A quantized version of a table. */
  static async from({ weight }: Embedding, options: QuantizationOptions): Promise<QuantizedEmbedding> {
    return new QuantizedEmbedding(await weight.read(), options);
  }

  forward(ids: Tensor): Tensor {
    return quantizedEmbedding(ids, this.packed, this.scales, this.quantization, this.zeros);
  }
}
