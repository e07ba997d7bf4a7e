// Transformer layers with torch's parameters: attention, then two linear layers, each around a shortcut with a norm.

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
  /** Probability with which a value is dropped while training, in five places; 0.1 by default. */
  readonly dropout?: number;
  readonly activation?: 'relu' | 'gelu' | ((x: Tensor) => Tensor);
  readonly layerNormEps?: number;
  /** Inputs are [N, T, E]; otherwise [T, N, E], torch's default. */
  readonly batchFirst?: boolean;
  /** Norms stand before attention and linear layers, inside of the shortcut, and not after the sum. */
  readonly normFirst?: boolean;
  readonly bias?: boolean;
}

/** Masks of a decoder layer: of its attention to itself, and to what the encoder gave. */
export interface DecoderMasks {
  readonly target?: AttentionMasks;
  readonly memory?: AttentionMasks;
}

/** What encoder and decoder layers have in common. */
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

  /** `x` with what `part` makes of it added, and normalized on one of the two ways. */
  protected shortcut(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    const kept = (y: Tensor) => this.dropout.forward(y);
    return this.#normFirst ? add(x, kept(part(norm.forward(x)))) : norm.forward(add(x, kept(part(x))));
  }

  protected feedForward(x: Tensor): Tensor {
    return this.linear2.forward(this.dropout.forward(this.#activation(this.linear1.forward(x))));
  }
}

/** A layer of an encoder, or of a decoder without one (GPT), as torch.nn.TransformerEncoderLayer. */
export class TransformerEncoderLayer extends TransformerLayer {
  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options);
  }

  /** x [T, N, E] (or as `batchFirst` says; or without N) → the same shape. */
  forward(x: Tensor, masks: AttentionMasks = {}): Tensor {
    const attended = this.shortcut(x, this.norm1, (y) => this.self_attn.forward(y, y, y, masks));
    return this.shortcut(attended, this.norm2, (y) => this.feedForward(y));
  }
}

/** A layer of a decoder that also attends to what an encoder gave, as torch.nn.TransformerDecoderLayer. */
export class TransformerDecoderLayer extends TransformerLayer {
  readonly multihead_attn: MultiheadAttention;
  readonly norm3: LayerNorm;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options);
    this.multihead_attn = this.attention(dModel, nhead, options);
    this.norm3 = this.norm(dModel, options);
  }

  /** target [T, N, E], memory [S, N, E] (or as `batchFirst` says; or without N) → as target. */
  forward(target: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    const own = this.shortcut(target, this.norm1, (x) => this.self_attn.forward(x, x, x, masks.target));
    const both = this.shortcut(own, this.norm2, (x) => this.multihead_attn.forward(x, memory, memory, masks.memory));
    return this.shortcut(both, this.norm3, (x) => this.feedForward(x));
  }
}

/**
 * Encoder layers one after the other, then `norm`, if there is one, as torch.nn.TransformerEncoder. `makeLayer` is called for
 * each layer, so that each has its own initial values; torch copies one layer, with its values.
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

/** Decoder layers one after the other, then `norm`, if there is one, as torch.nn.TransformerDecoder: see TransformerEncoder. */
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
