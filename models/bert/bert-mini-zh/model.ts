// BERT with both of its pre-training heads: J. Devlin, M.-W. Chang, K. Lee and K. Toutanova, "BERT: Pre-training of deep
// bidirectional transformers for language understanding", NAACL 2019. Layers, names and config are those of Hugging Face's
// BertForPreTraining.

import {
  add, arange, Dropout, Embedding, filledParameter, gelu, indexSelect, isTraining, LayerNorm, Linear, linear, Module, normalParameter,
  permute, reshape, scaledDotProductAttention, slice, tanh, type MaskedModel, type Parameter, type Tensor,
} from '../../../src/index.ts'; // prettier-ignore

/** The fields of config.json that are used. */
export interface BertConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  /** Maximum input length, including [CLS] and [SEP]. */
  readonly max_position_embeddings: number;
  /** Number of segment types: the first text and the second. */
  readonly type_vocab_size: number;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
  readonly layer_norm_eps: number;
  /** Standard deviation of the initial weights (default 0.02). A narrow model needs more, or its attention learns late. */
  readonly initializer_range?: number;
}

const original = {
  type_vocab_size: 2, hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1, layer_norm_eps: 1e-12,
} as const; // prettier-ignore

/** The Chinese character model, and Google's base size for Chinese. */
export const bertConfigs = {
  'mini-zh': {
    ...original, vocab_size: 6303, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 512,
    max_position_embeddings: 128, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0, initializer_range: 0.05,
  },
  'base-chinese': {
    ...original, vocab_size: 21128, hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, intermediate_size: 3072,
    max_position_embeddings: 512,
  },
} as const satisfies Record<string, BertConfig>; // prettier-ignore

/** BERT's inputs. */
export interface BertInput {
  readonly input_ids: Tensor; // i32 [B, T]
  /** 0 for the first segment, 1 for the second (default all 0). */
  readonly token_type_ids?: Tensor; // i32 [B, T]
  /** False at padding. */
  readonly attention_mask?: Tensor; // bool [B, T]
}

/** `layer` with normal weights of the config's deviation, and bias 0 if it has one. */
function initialized<Layer extends Linear | Embedding>(layer: Layer, { initializer_range = 0.02 }: BertConfig): Layer {
  const { shape } = layer.weight;
  const bias = 'bias' in layer && layer.bias ? { bias: filledParameter(layer.bias.shape, 0) } : {};
  return Object.assign(layer, { weight: normalParameter(shape, initializer_range), ...bias });
}

const dense = (from: number, to: number, config: BertConfig): Linear => initialized(new Linear(from, to), config);
const norm = ({ hidden_size, layer_norm_eps: epsilon }: BertConfig) => new LayerNorm(hidden_size, { epsilon });

/** The sum of token, position and segment embeddings. */
class BertEmbeddings extends Module {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly token_type_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(config: BertConfig) {
    super();
    const table = (rows: number) => initialized(new Embedding(rows, config.hidden_size), config);
    this.word_embeddings = table(config.vocab_size);
    this.position_embeddings = table(config.max_position_embeddings);
    this.token_type_embeddings = table(config.type_vocab_size);
    this.LayerNorm = norm(config);
    this.dropout = new Dropout(config.hidden_dropout_prob);
  }

  forward(ids: Tensor, types?: Tensor): Tensor {
    const words = this.word_embeddings.forward(ids); // [B, T, C]
    const positions = this.position_embeddings.forward(arange(ids.shape[1])); // [T, C]
    const first = slice(this.token_type_embeddings.weight, [0, 0], [1, words.shape[2]]); // [1, C]
    const segments = types ? this.token_type_embeddings.forward(types) : first; // [B, T, C] or [1, C]
    return this.dropout.forward(this.LayerNorm.forward(add(add(words, segments), positions))); // [B, T, C]
  }
}

/** Bidirectional self-attention. */
class BertSelfAttention extends Module {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly #config: BertConfig;

  constructor(config: BertConfig) {
    super();
    const { hidden_size } = config;
    this.query = dense(hidden_size, hidden_size, config);
    this.key = dense(hidden_size, hidden_size, config);
    this.value = dense(hidden_size, hidden_size, config);
    this.#config = config;
  }

  forward(x: Tensor, mask?: Tensor): Tensor {
    const { num_attention_heads: heads, attention_probs_dropout_prob } = this.#config;
    const [batch, rows, width] = x.shape;
    const [q, k, v] = [this.query, this.key, this.value].map((layer) =>
      permute(reshape(layer.forward(x), [batch, rows, heads, width / heads]), [0, 2, 1, 3]),
    ); // [B, H, T, C / H]
    const dropoutP = isTraining() ? attention_probs_dropout_prob : 0;
    const y = scaledDotProductAttention(q, k, v, { mask: mask && reshape(mask, [batch, 1, 1, rows]), dropoutP });
    return reshape(permute(y, [0, 2, 1, 3]), x.shape); // [B, T, C]
  }
}

/** A linear layer with a residual connection and layer norm. */
class BertOutput extends Module {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(from: number, config: BertConfig) {
    super();
    this.dense = dense(from, config.hidden_size, config);
    this.LayerNorm = norm(config);
    this.dropout = new Dropout(config.hidden_dropout_prob);
  }

  forward(x: Tensor, residual: Tensor): Tensor {
    return this.LayerNorm.forward(add(this.dropout.forward(this.dense.forward(x)), residual)); // [B, T, C]
  }
}

class BertAttention extends Module {
  readonly self: BertSelfAttention;
  readonly output: BertOutput;

  constructor(config: BertConfig) {
    super();
    this.self = new BertSelfAttention(config);
    this.output = new BertOutput(config.hidden_size, config);
  }

  forward(x: Tensor, mask?: Tensor): Tensor {
    return this.output.forward(this.self.forward(x, mask), x); // [B, T, C]
  }
}

class BertIntermediate extends Module {
  readonly dense: Linear;

  constructor(config: BertConfig) {
    super();
    this.dense = dense(config.hidden_size, config.intermediate_size, config);
  }

  forward(x: Tensor): Tensor {
    return gelu(this.dense.forward(x)); // [B, T, I]
  }
}

class BertLayer extends Module {
  readonly attention: BertAttention;
  readonly intermediate: BertIntermediate;
  readonly output: BertOutput;

  constructor(config: BertConfig) {
    super();
    this.attention = new BertAttention(config);
    this.intermediate = new BertIntermediate(config);
    this.output = new BertOutput(config.intermediate_size, config);
  }

  forward(x: Tensor, mask?: Tensor): Tensor {
    x = this.attention.forward(x, mask); // [B, T, C]
    return this.output.forward(this.intermediate.forward(x), x); // [B, T, C]
  }
}

class BertEncoder extends Module {
  readonly layer: readonly BertLayer[];

  constructor(config: BertConfig) {
    super();
    this.layer = Array.from({ length: config.num_hidden_layers }, () => new BertLayer(config));
  }

  forward(x: Tensor, mask?: Tensor): Tensor {
    return this.layer.reduce((y, layer) => layer.forward(y, mask), x); // [B, T, C]
  }
}

class BertPooler extends Module {
  readonly dense: Linear;

  constructor(config: BertConfig) {
    super();
    this.dense = dense(config.hidden_size, config.hidden_size, config);
  }

  /** Pools the sequence to one vector: a layer on its first token, [CLS]. */
  forward(x: Tensor): Tensor {
    const [batch, , width] = x.shape;
    const first = reshape(slice(x, [0, 0, 0], [batch, 1, width]), [batch, width]); // [B, C]
    return tanh(this.dense.forward(first)); // [B, C]
  }
}

/** BERT without heads. */
export class BertModel extends Module {
  override readonly title: string = 'BERT';
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  readonly pooler: BertPooler;

  constructor(config: BertConfig) {
    super();
    this.embeddings = new BertEmbeddings(config);
    this.encoder = new BertEncoder(config);
    this.pooler = new BertPooler(config);
  }

  forward({ input_ids, token_type_ids, attention_mask }: BertInput): { sequence: Tensor; pooled: Tensor } {
    const embedded = this.embeddings.forward(input_ids, token_type_ids); // [B, T, C]
    const sequence = this.encoder.forward(embedded, attention_mask); // [B, T, C]
    return { sequence, pooled: this.pooler.forward(sequence) }; // [B, T, C], [B, C]
  }
}

class BertPredictionHeadTransform extends Module {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;

  constructor(config: BertConfig) {
    super();
    this.dense = dense(config.hidden_size, config.hidden_size, config);
    this.LayerNorm = norm(config);
  }

  forward(x: Tensor): Tensor {
    return this.LayerNorm.forward(gelu(this.dense.forward(x))); // [N, C]
  }
}

/** Predicts tokens; the output layer is tied to the token embedding, with a bias. */
class BertLMPredictionHead extends Module {
  readonly transform: BertPredictionHeadTransform;
  readonly bias: Parameter;

  constructor(config: BertConfig) {
    super();
    this.transform = new BertPredictionHeadTransform(config);
    this.bias = filledParameter([config.vocab_size], 0);
  }

  forward(x: Tensor, table: Tensor): Tensor {
    return linear(this.transform.forward(x), table, this.bias); // [N, V]
  }
}

class BertPreTrainingHeads extends Module {
  readonly predictions: BertLMPredictionHead;
  readonly seq_relationship: Linear;

  constructor(config: BertConfig) {
    super();
    this.predictions = new BertLMPredictionHead(config);
    this.seq_relationship = dense(config.hidden_size, 2, config);
  }

  forward(x: Tensor, pooled: Tensor, table: Tensor): { predictions: Tensor; relationship: Tensor } {
    return { predictions: this.predictions.forward(x, table), relationship: this.seq_relationship.forward(pooled) };
  }
}

/** Logits of both tasks. */
export interface BertOutputs {
  readonly prediction_logits: Tensor; // [N, V]
  readonly seq_relationship_logits: Tensor; // [B, 2]: the second segment follows the first, or does not
}

/** BERT with both pre-training heads: masked tokens, and whether the second segment follows the first. */
export class BertForPreTraining extends Module implements MaskedModel {
  override readonly title = 'BERT';
  readonly config: BertConfig;
  readonly bert: BertModel;
  readonly cls: BertPreTrainingHeads;

  constructor(config: BertConfig = bertConfigs['mini-zh']) {
    super();
    this.config = config;
    this.bert = new BertModel(config);
    this.cls = new BertPreTrainingHeads(config);
  }

  get maxPositions(): number {
    return this.config.max_position_embeddings;
  }

  /** `positions`, i32 [N], are the indices into the flattened [B, T] to predict, as logits are wide; by default all. */
  forward(input: BertInput, positions?: Tensor): BertOutputs {
    const { sequence, pooled } = this.bert.forward(input); // [B, T, C], [B, C]
    const places = reshape(sequence, [input.input_ids.size, this.config.hidden_size]); // [B · T, C]
    const asked = positions ? indexSelect(places, positions) : places; // [N, C]
    const { predictions, relationship } = this.cls.forward(asked, pooled, this.bert.embeddings.word_embeddings.weight);
    return { prediction_logits: predictions, seq_relationship_logits: relationship };
  }
}
