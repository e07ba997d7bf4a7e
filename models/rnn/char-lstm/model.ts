// A recurrent language model over characters, as in A. Karpathy, "The unreasonable effectiveness of recurrent neural
// networks", 2015; the LSTM is that of S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.

import {
  assign, Buffer, Dropout, Embedding, eq, GRU, Linear, LSTM, Module, RNN, spec, where, type CausalModel, type RecurrentOutput,
  type Tensor,
} from '../../../src/index.ts'; // prettier-ignore

/** Sizes of the network and its kind of cell. */
export interface CharRNNConfig {
  /** Elman's cell with tanh, gated recurrent units, or long short-term memory. */
  readonly model_type: 'rnn' | 'gru' | 'lstm';
  /** Characters that the model knows. */
  readonly vocab_size: number;
  readonly embedding_size: number;
  readonly hidden_size: number;
  /** Recurrent layers one above the other. */
  readonly num_layers: number;
  /** Share of the units that is dropped between layers while training. */
  readonly dropout: number;
}

const sizes = { vocab_size: 65, embedding_size: 128, hidden_size: 256, num_layers: 2, dropout: 0 } as const;

/** One config a kind of cell; 65 characters are those of tinyshakespeare. */
export const charRNNConfigs = {
  rnn: { model_type: 'rnn', ...sizes },
  gru: { model_type: 'gru', ...sizes },
  lstm: { model_type: 'lstm', ...sizes },
} as const satisfies Record<string, CharRNNConfig>;

/** What the network remembers of the text so far; the cells are the LSTM's alone. */
export interface CharRNNMemory {
  readonly hidden: Buffer; // [layers, B, H]
  readonly cell: Buffer; // [layers, B, H]
}

/** How a forward pass goes on from an earlier one. */
export interface CharRNNDecoding {
  /** Read at the start, and written with the state after the last character. */
  readonly memory?: CharRNNMemory;
  /** Place of the first id in the text, i32 of one number; at 0, which is the default, the text begins anew. */
  readonly position?: Tensor;
}

/** Characters i32 [B, T] → scores of each next character [B, T, V]. Without a memory the text begins here. */
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

  /** The memory of `batch` texts, of any length. */
  memory(batch = 1): CharRNNMemory {
    const { num_layers, hidden_size } = this.config;
    const state = (name: string) => Buffer.zeros(spec([num_layers, batch, hidden_size]), { name, persistent: false });
    return { hidden: state('memory.hidden'), cell: state('memory.cell') };
  }
}
