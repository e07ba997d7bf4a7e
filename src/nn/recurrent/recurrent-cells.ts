// Recurrent cells: one step at a time, for networks that choose each input from the steps before.

import type { Parameter } from '../../core/parameter.ts';
import { fill, type Tensor } from '../../core/tensor.ts';
import { GATES, type Cell } from '../../ops/recurrent/recurrent.ts';
import {
  gruCell,
  lstmCell,
  rnnCell,
  type LstmState,
  type RecurrentWeights,
} from '../../ops/recurrent/recurrent-cells.ts';
import { uniformParameter } from '../init.ts';
import { Module } from '../module.ts';

/** The weights of one layer in one direction, drawn from (-1/√H, 1/√H) as torch does; in torch's order. */
export function drawRecurrentWeights(cell: Cell, inputSize: number, hiddenSize: number, bias: boolean) {
  const wide = GATES[cell] * hiddenSize;
  const bound = hiddenSize > 0 ? 1 / Math.sqrt(hiddenSize) : 0;
  const draw = (...shape: number[]) => uniformParameter(shape, bound);
  const weightIh = draw(wide, inputSize);
  const weightHh = draw(wide, hiddenSize);
  return {
    weightIh,
    weightHh,
    biasIh: bias ? draw(wide) : null,
    biasHh: bias ? draw(wide) : null,
  };
}

export interface RecurrentCellOptions {
  readonly bias?: boolean;
}

/** What all cells share: the weights, under torch's names. */
abstract class RecurrentCell extends Module {
  /** [G·H, I] */
  readonly weight_ih: Parameter;
  /** [G·H, H] */
  readonly weight_hh: Parameter;
  /** [G·H] */
  readonly bias_ih: Parameter | null;
  /** [G·H] */
  readonly bias_hh: Parameter | null;

  constructor(cell: Cell, inputSize: number, hiddenSize: number, { bias = true }: RecurrentCellOptions) {
    super();
    const weights = drawRecurrentWeights(cell, inputSize, hiddenSize, bias);
    this.weight_ih = weights.weightIh;
    this.weight_hh = weights.weightHh;
    this.bias_ih = weights.biasIh;
    this.bias_hh = weights.biasHh;
  }

  protected get weights(): RecurrentWeights {
    return { weightIh: this.weight_ih, weightHh: this.weight_hh, biasIh: this.bias_ih, biasHh: this.bias_hh };
  }

  /** The state before the first step. */
  protected zeros(x: Tensor): Tensor {
    return fill([x.shape[0], this.weight_hh.shape[1]], 0, x.dtype);
  }
}

/** One step of Elman's network as torch.nn.RNNCell. */
export class RNNCell extends RecurrentCell {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(
    inputSize: number,
    hiddenSize: number,
    { nonlinearity = 'tanh', ...options }: RecurrentCellOptions & { readonly nonlinearity?: 'tanh' | 'relu' } = {},
  ) {
    super(nonlinearity === 'relu' ? 'rnnRelu' : 'rnnTanh', inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }

  /** x [B, I] and the state [B, H] (zeros by default) → the next state. */
  forward(x: Tensor, hidden: Tensor = this.zeros(x)): Tensor {
    return rnnCell(x, hidden, this.weights, { nonlinearity: this.nonlinearity });
  }
}

/** One step of long short-term memory as torch.nn.LSTMCell. */
export class LSTMCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('lstm', inputSize, hiddenSize, options);
  }

  /** x [B, I] and the states [B, H] (zeros by default) → the next states. */
  forward(x: Tensor, hidden: Tensor = this.zeros(x), cell: Tensor = this.zeros(x)): LstmState {
    return lstmCell(x, hidden, cell, this.weights);
  }
}

/** One step of a gated recurrent unit as torch.nn.GRUCell. */
export class GRUCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('gru', inputSize, hiddenSize, options);
  }

  /** x [B, I] and the state [B, H] (zeros by default) → the next state. */
  forward(x: Tensor, hidden: Tensor = this.zeros(x)): Tensor {
    return gruCell(x, hidden, this.weights);
  }
}
