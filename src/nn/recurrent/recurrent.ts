// Recurrent layers over a sequence, with torch's parameter names and initial values.

import type { Tensor } from '../../core/tensor.ts';
import { isTraining } from '../../core/trace.ts';
import type { Cell } from '../../ops/recurrent/recurrent.ts';
import type { LstmState, RecurrentWeights } from '../../ops/recurrent/recurrent-cells.ts';
import { gru, lstm, rnn, type RecurrentOptions, type RecurrentOutput } from '../../ops/recurrent/recurrent-layers.ts';
import { Module } from '../module.ts';
import { drawRecurrentWeights } from './recurrent-cells.ts';

export interface RecurrentLayerOptions extends Omit<RecurrentOptions, 'lengths'> {
  /** Number of stacked layers; 1 by default. */
  readonly numLayers?: number;
  readonly bias?: boolean;
}

/** What RNN, LSTM and GRU share: the weights of all layers and directions, as properties with torch's names. */
abstract class RecurrentNetwork extends Module {
  // Private, since the properties with torch's names already list them.
  readonly #weights: readonly RecurrentWeights[];
  readonly #options: RecurrentOptions;

  constructor(
    cell: Cell,
    inputSize: number,
    hiddenSize: number,
    { numLayers = 1, bias = true, ...options }: RecurrentLayerOptions,
  ) {
    super();
    this.#options = options;
    const directions = options.bidirectional ? ['', '_reverse'] : [''];
    const weights: RecurrentWeights[] = [];
    for (let layer = 0; layer < numLayers; layer++) {
      const size = layer === 0 ? inputSize : directions.length * hiddenSize;
      for (const direction of directions) {
        const own = drawRecurrentWeights(cell, size, hiddenSize, bias);
        weights.push(own);
        const named = { weight_ih: own.weightIh, weight_hh: own.weightHh, bias_ih: own.biasIh, bias_hh: own.biasHh };
        for (const [name, parameter] of Object.entries(named)) {
          if (parameter) Object.assign(this, { [`${name}_l${layer}${direction}`]: parameter });
        }
      }
    }
    this.#weights = weights;
  }

  protected get weights(): readonly RecurrentWeights[] {
    return this.#weights;
  }

  /** The options; dropout between layers applies in training only. */
  protected get options(): RecurrentOptions {
    return isTraining() ? this.#options : { ...this.#options, dropout: 0 };
  }
}

/** Elman's network as torch.nn.RNN: parameters `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, `…_reverse`. */
export class RNN extends RecurrentNetwork {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(
    inputSize: number,
    hiddenSize: number,
    { nonlinearity = 'tanh', ...options }: RecurrentLayerOptions & { readonly nonlinearity?: 'tanh' | 'relu' } = {},
  ) {
    super(nonlinearity === 'relu' ? 'rnnRelu' : 'rnnTanh', inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }

  /** x [T, B, I] ([B, T, I] with batchFirst; [T, I]), first state [layers · directions, B, H] or zeros; lengths i32 [B]. */
  forward(x: Tensor, hidden?: Tensor, lengths?: Tensor): RecurrentOutput {
    return rnn(x, this.weights, { ...this.options, nonlinearity: this.nonlinearity, hidden, lengths });
  }
}

/** Long short-term memory as torch.nn.LSTM: parameters `weight_ih_l0`, `weight_hh_l0`, … with the gates i, f, g, o. */
export class LSTM extends RecurrentNetwork {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentLayerOptions = {}) {
    super('lstm', inputSize, hiddenSize, options);
  }

  /** x [T, B, I] ([B, T, I] with batchFirst; [T, I]), first states [layers · directions, B, H] or zeros; lengths i32 [B]. */
  forward(x: Tensor, hidden?: Tensor, cell?: Tensor, lengths?: Tensor): RecurrentOutput & LstmState {
    return lstm(x, this.weights, { ...this.options, hidden, cell, lengths });
  }
}

/** Gated recurrent units as torch.nn.GRU: parameters `weight_ih_l0`, `weight_hh_l0`, … with the gates r, z, n. */
export class GRU extends RecurrentNetwork {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentLayerOptions = {}) {
    super('gru', inputSize, hiddenSize, options);
  }

  /** x [T, B, I] ([B, T, I] with batchFirst; [T, I]), first state [layers · directions, B, H] or zeros; lengths i32 [B]. */
  forward(x: Tensor, hidden?: Tensor, lengths?: Tensor): RecurrentOutput {
    return gru(x, this.weights, { ...this.options, hidden, lengths });
  }
}
