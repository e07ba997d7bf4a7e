// Transformer layers with torch's parameters: attention, then two linear layers, each with a residual connection and a norm.

import type { Tensor } from '../../core/tensor.ts';
import { gelu } from '../../ops/elementwise/activations.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { relu } from '../../ops/elementwise/unary.ts';
import { type AttentionMasks, MultiheadAttention } from './attention.ts';
import { Dropout } from '../random/dropout.ts';
import { Linear } from '../matmul/linear.ts';
import { Module } from '../module.ts';
import { LayerNorm } from '../norms/norms.ts';

/** Options of transformer layers, with torch's defaults. */
export interface TransformerLayerOptions {
  /** Width between the two linear layers; 2048 by default. */
  readonly dimFeedforward?: number;
  /** Probability of dropping a value during training, in five places; 0.1 by default. */
  readonly dropout?: number;
  readonly activation?: 'relu' | 'gelu' | ((x: Tensor) => Tensor);
  readonly layerNormEps?: number;
  /** Inputs are [N, T, E]; otherwise [T, N, E], torch's default. */
  readonly batchFirst?: boolean;
  /** Norms precede attention and linear layers, inside the residual branch, instead of following the sum. */
  readonly normFirst?: boolean;
  readonly bias?: boolean;
}

/** Masks of a decoder layer: of its self-attention, and of its attention to the encoder's output. */
export interface DecoderMasks {
  readonly target?: AttentionMasks;
  readonly memory?: AttentionMasks;
}

/** What encoder and decoder layers share. */
abstract class TransformerLayer extends Module {
  readonly self_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly #activation: (x: Tensor) => Tensor;
  readonly #normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions) {
    super();
    const { dimFeedforward = 2048, dropout = 0.1, activation = 'relu', normFirst = false, bias = true } = options;
    this.self_attn = this.attention(dModel, nhead, options);
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = this.norm(dModel, options);
    this.norm2 = this.norm(dModel, options);
    this.#activation =
      typeof activation === 'function' ? activation : { relu, gelu: (x: Tensor) => gelu(x) }[activation];
    this.#normFirst = normFirst;
  }

  protected attention(dModel: number, nhead: number, options: TransformerLayerOptions): MultiheadAttention {
    const { dropout = 0.1, bias = true, batchFirst = false } = options;
    return new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst });
  }

  protected norm(dModel: number, { layerNormEps: epsilon = 1e-5, bias = true }: TransformerLayerOptions): LayerNorm {
    return new LayerNorm(dModel, { epsilon, bias });
  }

  /** `x` plus `part` of it, normalized before or after. */
  protected shortcut(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    const kept = (y: Tensor) => this.dropout.forward(y);
    return this.#normFirst ? add(x, kept(part(norm.forward(x)))) : norm.forward(add(x, kept(part(x))));
  }

  protected feedForward(x: Tensor): Tensor {
    return this.linear2.forward(this.dropout.forward(this.#activation(this.linear1.forward(x))));
  }
}

/** A layer of an encoder, or of a decoder-only model (GPT), as torch.nn.TransformerEncoderLayer. */
export class TransformerEncoderLayer extends TransformerLayer {
  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options);
  }

  /** x [T, N, E] ([N, T, E] with `batchFirst`; or without N) → the same shape. */
  forward(x: Tensor, masks: AttentionMasks = {}): Tensor {
    const attended = this.shortcut(x, this.norm1, (y) => this.self_attn.forward(y, y, y, masks));
    return this.shortcut(attended, this.norm2, (y) => this.feedForward(y));
  }
}

/** A layer of a decoder that also attends to an encoder's output, as torch.nn.TransformerDecoderLayer. */
export class TransformerDecoderLayer extends TransformerLayer {
  readonly multihead_attn: MultiheadAttention;
  readonly norm3: LayerNorm;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options);
    this.multihead_attn = this.attention(dModel, nhead, options);
    this.norm3 = this.norm(dModel, options);
  }

  /** target [T, N, E], memory [S, N, E] (N first with `batchFirst`; or without N) → the shape of target. */
  forward(target: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    const own = this.shortcut(target, this.norm1, (x) => this.self_attn.forward(x, x, x, masks.target));
    const both = this.shortcut(own, this.norm2, (x) => this.multihead_attn.forward(x, memory, memory, masks.memory));
    return this.shortcut(both, this.norm3, (x) => this.feedForward(x));
  }
}

/**
 * A stack of encoder layers, then `norm` if given, as torch.nn.TransformerEncoder. `makeLayer` is called for each layer, so
 * that each has its own initial values; torch copies one layer with its values.
 */
export class TransformerEncoder extends Module {
  readonly layers: TransformerEncoderLayer[];
  readonly norm: LayerNorm | null;

  constructor(makeLayer: () => TransformerEncoderLayer, numLayers: number, norm: LayerNorm | null = null) {
    super();
    this.layers = Array.from({ length: numLayers }, makeLayer);
    this.norm = norm;
  }

  /** As TransformerEncoderLayer; all layers get the same masks. */
  forward(x: Tensor, masks: AttentionMasks = {}): Tensor {
    const last = this.layers.reduce((y, layer) => layer.forward(y, masks), x);
    return this.norm ? this.norm.forward(last) : last;
  }
}

/** A stack of decoder layers, then `norm` if given, as torch.nn.TransformerDecoder: see TransformerEncoder. */
export class TransformerDecoder extends Module {
  readonly layers: TransformerDecoderLayer[];
  readonly norm: LayerNorm | null;

  constructor(makeLayer: () => TransformerDecoderLayer, numLayers: number, norm: LayerNorm | null = null) {
    super();
    this.layers = Array.from({ length: numLayers }, makeLayer);
    this.norm = norm;
  }

  /** As TransformerDecoderLayer; all layers get the same masks. */
  forward(target: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    const last = this.layers.reduce((x, layer) => layer.forward(x, memory, masks), target);
    return this.norm ? this.norm.forward(last) : last;
  }
}
