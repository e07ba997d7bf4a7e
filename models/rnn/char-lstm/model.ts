// A recurrent language model over characters, as in A. Karpathy, "The unreasonable effectiveness of recurrent neural
// networks", 2015; the LSTM is that of S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.

import { Dropout, Embedding, GRU, Linear, LSTM, Module, RNN, type Tensor } from '../../../src/index.ts';

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

const sizes = { vocab_size: 65, embedding_size: 128, hidden_size: 256, num_layers: 2, dropout: 0.1 } as const;

/** One config a kind of cell; 65 characters are those of tinyshakespeare. */
export const charRNNConfigs = {
  rnn: { model_type: 'rnn', ...sizes },
  gru: { model_type: 'gru', ...sizes },
  lstm: { model_type: 'lstm', ...sizes },
} as const satisfies Record<string, CharRNNConfig>;

/** What the network remembers of the characters so far; `cell` is the LSTM's alone. */
export interface CharRNNState {
  readonly hidden: Tensor; // [layers, B, H]
  readonly cell?: Tensor; // [layers, B, H]
}

/** Scores of the next character at every place, and the state to go on from. */
export interface CharRNNOutput {
  readonly logits: Tensor; // [B, T, V]
  readonly state: CharRNNState;
}

/** Characters i32 [B, T] → scores of each next character [B, T, V]. Without a state the text begins here. */
export class CharRNN extends Module {
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

  forward(ids: Tensor, { hidden, cell }: Partial<CharRNNState> = {}): CharRNNOutput {
    const x = this.embedding.forward(ids); // [B, T, E]
    const { output, ...state } =
      this.rnn instanceof LSTM ? this.rnn.forward(x, hidden, cell) : this.rnn.forward(x, hidden); // [B, T, H]
    const logits = this.decoder.forward(this.dropout.forward(output)); // [B, T, V]
    return { logits, state };
  }
}
