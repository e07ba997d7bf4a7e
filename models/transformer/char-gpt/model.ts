// GPT-2, also in a small size for characters: A. Radford et al., "Language models are unsupervised multitask learners", 2019.
// Layers, names and config are those of Hugging Face's GPT2LMHeadModel, so its checkpoints load with their own config.json.

import {
  add, arange, Dropout, Embedding, filledParameter, full, gelu, isTraining, KVCache, LayerNorm, matmul, Module, normalParameter,
  permute, reshape, scaledDotProductAttention, slice, type CausalModel, type Parameter, type Tensor,
} from '../../../src/index.ts'; // prettier-ignore

/** The fields of config.json that are used. */
export interface GPT2Config {
  readonly vocab_size: number;
  /** Maximum context length. */
  readonly n_positions: number;
  readonly n_embd: number;
  readonly n_layer: number;
  readonly n_head: number;
  /** Width of an MLP's hidden layer (default 4 · n_embd). */
  readonly n_inner?: number | null;
  /** Dropout of embeddings, of attention weights, and of each block's output. */
  readonly embd_pdrop: number;
  readonly attn_pdrop: number;
  readonly resid_pdrop: number;
  readonly layer_norm_epsilon: number;
}

const small = { embd_pdrop: 0.1, attn_pdrop: 0.1, resid_pdrop: 0.1, layer_norm_epsilon: 1e-5 } as const;

/** The shipped character model, and OpenAI's smallest size. */
export const gpt2Configs = {
  char: {
    vocab_size: 65, n_positions: 128, n_embd: 128, n_layer: 4, n_head: 4,
    embd_pdrop: 0, attn_pdrop: 0, resid_pdrop: 0, layer_norm_epsilon: 1e-5,
  },
  gpt2: { vocab_size: 50257, n_positions: 1024, n_embd: 768, n_layer: 12, n_head: 12, ...small },
} as const satisfies Record<string, GPT2Config>; // prettier-ignore

/** Options for cached decoding. */
export interface DecodingOptions {
  /** Key/value caches of the text so far, one per layer. */
  readonly memory?: readonly KVCache[];
  /** Position of the first id in the text, an i32 scalar (default 0). */
  readonly position?: Tensor;
}

/** GPT-2's linear layer, whose weight is [in, out]. */
class Conv1D extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(inFeatures: number, outFeatures: number, deviation = 0.02) {
    super();
    this.weight = normalParameter([inFeatures, outFeatures], deviation);
    this.bias = filledParameter([outFeatures], 0);
  }

  forward(x: Tensor): Tensor {
    return add(matmul(x, this.weight), this.bias);
  }
}

/** Initial deviation of layers that add to the residual stream, scaled down because 2 · n_layer of them are summed. */
const residualDeviation = ({ n_layer }: GPT2Config) => 0.02 / Math.sqrt(2 * n_layer);

/** Causal self-attention with n_head heads. */
class GPT2Attention extends Module {
  readonly c_attn: Conv1D;
  readonly c_proj: Conv1D;
  readonly resid_dropout: Dropout;
  readonly #config: GPT2Config;

  constructor(config: GPT2Config) {
    super();
    const { n_embd, resid_pdrop } = config;
    this.c_attn = new Conv1D(n_embd, 3 * n_embd);
    this.c_proj = new Conv1D(n_embd, n_embd, residualDeviation(config));
    this.resid_dropout = new Dropout(resid_pdrop);
    this.#config = config;
  }

  forward(x: Tensor, cache?: KVCache, position?: Tensor): Tensor {
    const { n_embd, n_head, attn_pdrop } = this.#config;
    const [batch, rows] = x.shape;
    const qkv = this.c_attn.forward(x); // [B, T, 3 C]
    const [q, k, v] = [0, 1, 2].map((i) => {
      const part = slice(qkv, [0, 0, i * n_embd], [batch, rows, (i + 1) * n_embd]); // [B, T, C]
      return permute(reshape(part, [batch, rows, n_head, n_embd / n_head]), [0, 2, 1, 3]); // [B, H, T, C / H]
    });
    const all = cache && position ? cache.append(k, v, position) : { k, v }; // [B, H, S, C / H]
    const y = scaledDotProductAttention(q, all.k, all.v, {
      isCausal: true,
      length: cache && position && add(position, rows),
      dropoutP: isTraining() ? attn_pdrop : 0,
    }); // [B, H, T, C / H]
    const merged = reshape(permute(y, [0, 2, 1, 3]), [batch, rows, n_embd]); // [B, T, C]
    return this.resid_dropout.forward(this.c_proj.forward(merged)); // [B, T, C]
  }
}

/** Two linear layers with GELU (tanh approximation) between them. */
class GPT2MLP extends Module {
  readonly c_fc: Conv1D;
  readonly c_proj: Conv1D;
  readonly dropout: Dropout;

  constructor(config: GPT2Config) {
    super();
    const { n_embd, n_inner, resid_pdrop } = config;
    const inner = n_inner ?? 4 * n_embd;
    this.c_fc = new Conv1D(n_embd, inner);
    this.c_proj = new Conv1D(inner, n_embd, residualDeviation(config));
    this.dropout = new Dropout(resid_pdrop);
  }

  forward(x: Tensor): Tensor {
    const hidden = gelu(this.c_fc.forward(x), { approximate: 'tanh' }); // [B, T, inner]
    return this.dropout.forward(this.c_proj.forward(hidden)); // [B, T, C]
  }
}

/** A pre-norm block: attention, then MLP, each with a residual connection. */
class GPT2Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: GPT2Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: GPT2MLP;

  constructor(config: GPT2Config) {
    super();
    const { n_embd, layer_norm_epsilon: epsilon } = config;
    this.ln_1 = new LayerNorm(n_embd, { epsilon });
    this.attn = new GPT2Attention(config);
    this.ln_2 = new LayerNorm(n_embd, { epsilon });
    this.mlp = new GPT2MLP(config);
  }

  forward(x: Tensor, cache?: KVCache, position?: Tensor): Tensor {
    x = add(x, this.attn.forward(this.ln_1.forward(x), cache, position)); // [B, T, C]
    return add(x, this.mlp.forward(this.ln_2.forward(x))); // [B, T, C]
  }
}

/** Tokens i32 [B, T] → logits of each next token [B, T, V]. The output layer is tied to the token embedding. */
export class GPT2 extends Module implements CausalModel<readonly KVCache[]> {
  override readonly title = 'GPT-2';
  readonly config: GPT2Config;
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: readonly GPT2Block[];
  readonly ln_f: LayerNorm;

  constructor(config: GPT2Config = gpt2Configs.char) {
    super();
    const { vocab_size, n_positions, n_embd, n_layer, embd_pdrop, layer_norm_epsilon: epsilon } = config;
    this.config = config;
    this.wte = table(vocab_size, n_embd);
    this.wpe = table(n_positions, n_embd);
    this.drop = new Dropout(embd_pdrop);
    this.h = Array.from({ length: n_layer }, () => new GPT2Block(config));
    this.ln_f = new LayerNorm(n_embd, { epsilon });
  }

  forward(ids: Tensor, { memory, position = memory && full([], 0, { dtype: 'i32' }) }: DecodingOptions = {}): Tensor {
    const places = arange(ids.shape[1]); // [T]
    const tokens = this.wte.forward(ids); // [B, T, C]
    const positions = this.wpe.forward(position ? add(places, position) : places); // [T, C]
    let x = this.drop.forward(add(tokens, positions)); // [B, T, C]
    this.h.forEach((block, i) => {
      x = block.forward(x, memory?.[i], position); // [B, T, C]
    });
    return matmul(this.ln_f.forward(x), this.wte.weight, { transposeB: true }); // [B, T, V]
  }

  get maxPositions(): number {
    return this.config.n_positions;
  }

  /** Empty caches for `batch` texts of up to `maxLength` tokens. */
  memory(batch = 1, maxLength = this.maxPositions): readonly KVCache[] {
    const { n_embd, n_head } = this.config;
    return this.h.map(() => new KVCache(batch, n_head, maxLength, n_embd / n_head));
  }
}

/** An embedding initialized with N(0, 0.02), like all of GPT-2's weights. */
const table = (count: number, width: number): Embedding =>
  Object.assign(new Embedding(count, width), { weight: normalParameter([count, width], 0.02) });
