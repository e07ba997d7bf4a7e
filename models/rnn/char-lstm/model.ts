// A character-level recurrent language model, as in A. Karpathy, "The unreasonable effectiveness of recurrent neural
// networks", 2015. LSTM: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.

import {
  assign, Buffer, Dropout, Embedding, eq, GRU, Linear, LSTM, Module, RNN, spec, where, type CausalModel, type RecurrentOutput,
  type Tensor,
} from '../../../src/index.ts'; // prettier-ignore

/** The network's sizes and kind of cell. */
export interface CharRNNConfig {
  /** Elman RNN with tanh, GRU, or LSTM. */
  readonly model_type: 'rnn' | 'gru' | 'lstm';
  /** Size of the vocabulary. */
  readonly vocab_size: number;
  readonly embedding_size: number;
  readonly hidden_size: number;
  /** Number of stacked recurrent layers. */
  readonly num_layers: number;
  /** Dropout probability between layers. */
  readonly dropout: number;
}

const sizes = { vocab_size: 65, embedding_size: 128, hidden_size: 256, num_layers: 2, dropout: 0 } as const;

/** One config per kind of cell; tinyshakespeare has 65 characters. */
export const charRNNConfigs = {
  rnn: { model_type: 'rnn', ...sizes },
  gru: { model_type: 'gru', ...sizes },
  lstm: { model_type: 'lstm', ...sizes },
} as const satisfies Record<string, CharRNNConfig>;

/** The recurrent state; `cell` is used only by the LSTM. */
export interface CharRNNMemory {
  readonly hidden: Buffer; // [layers, B, H]
  readonly cell: Buffer; // [layers, B, H]
}

/** Options for stepwise decoding. */
export interface CharRNNDecoding {
  /** The initial state; updated to the state after the last character. */
  readonly memory?: CharRNNMemory;
  /** Position of the first id in the text, an i32 scalar; at 0 (default) the state is reset. */
  readonly position?: Tensor;
}

/** Characters i32 [B, T] → logits of each next character [B, T, V]. Without a memory, the state starts at zero. */
export class CharRNN extends Module implements CausalModel<CharRNNMemory> {
  override readonly title = 'CharRNN';
  readonly config: CharRNNConfig;
  readonly embedding: Embedding;
  readonly rnn: RNN | GRU | LSTM;
  readonly decoder: Linear;
  readonly dropout: Dropout;

  constructor(config: CharRNNConfig = charRNNConfigs.lstm) {
    super();
    const { model_type, vocab_size, embedding_size, hidden_size, num_layers: numLayers, dropout } = config;
    const Layers = { rnn: RNN, gru: GRU, lstm: LSTM }[model_type];
    this.config = config;
    this.embedding = new Embedding(vocab_size, embedding_size);
    this.rnn = new Layers(embedding_size, hidden_size, { numLayers, dropout, batchFirst: true });
    this.decoder = new Linear(hidden_size, vocab_size);
    this.dropout = new Dropout(dropout);
  }

  forward(ids: Tensor, { memory, position }: CharRNNDecoding = {}): Tensor {
    const x = this.embedding.forward(ids); // [B, T, E]
    const before = (state?: Buffer) => state && position && where(eq(position, 0), 0, state); // [layers, B, H]
    const [hidden, cell] = [before(memory?.hidden), before(memory?.cell)];
    const after: RecurrentOutput & { readonly cell?: Tensor } =
      this.rnn instanceof LSTM ? this.rnn.forward(x, hidden, cell) : this.rnn.forward(x, hidden);
    if (memory) assign(memory.hidden, after.hidden);
    if (memory && after.cell) assign(memory.cell, after.cell);
    return this.decoder.forward(this.dropout.forward(after.output)); // [B, T, V]
  }

  /** The memory for `batch` texts of any length. */
  memory(batch = 1): CharRNNMemory {
    const { num_layers, hidden_size } = this.config;
    const state = (name: string) => Buffer.zeros(spec([num_layers, batch, hidden_size]), { name, persistent: false });
    return { hidden: state('memory.hidden'), cell: state('memory.cell') };
  }
}
