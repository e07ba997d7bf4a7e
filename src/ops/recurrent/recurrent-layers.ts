// Recurrent networks with several layers and directions over a sequence: rnn, lstm and gru.

import { apply } from '../../core/op.ts';
import { formatShape, sameShape } from '../../core/shape.ts';
import { Constant, fill, formatSpec, type Tensor } from '../../core/tensor.ts';
import { sub } from '../elementwise/binary.ts';
import { lt } from '../elementwise/compare.ts';
import { concat } from '../movement/concat.ts';
import { expand } from '../movement/expand.ts';
import { gather } from '../indexing/gather.ts';
import { permute } from '../movement/permute.ts';
import { dropout as drop } from '../random/random.ts';
import { recurrentOp, type Cell } from './recurrent.ts';
import {
  biasOfN,
  checkWeights,
  gateInputs,
  unrolled,
  type LstmState,
  type RecurrentWeights,
} from './recurrent-cells.ts';
import { reshape } from '../movement/reshape.ts';
import { slice } from '../movement/slice.ts';
import { where } from '../elementwise/where.ts';

/** Settings of a recurrent network, as torch's. */
export interface RecurrentOptions {
  /** Input and output are [B, T, …] instead of [T, B, …]; states are not affected. */
  readonly batchFirst?: boolean;
  /** Every layer also processes the sequence in reverse; the outputs of both directions are concatenated. */
  readonly bidirectional?: boolean;
  /** Dropout probability of the outputs of every layer except the last. */
  readonly dropout?: number;
  /**
   * Number of steps of each row of the batch, i32 [B], from 1 to T: later steps are ignored. Outputs are 0 there, last states
   * are those of a row's last step, and the reverse direction starts at it, as in torch's packed sequences.
   */
  readonly lengths?: Tensor;
  /** False composes every step of ordinary ops: many more dispatches, but with second derivatives. */
  readonly fused?: boolean;
}

/** What a network returns: the outputs of the last layer, [T, B, D·H], and the last states, [layers · D, B, H]. */
export interface RecurrentOutput {
  readonly output: Tensor;
  readonly hidden: Tensor;
}

/** One layer in one direction: x [T, B, I] → every h [T, B, H] and the last states [B, H]. */
function layer(
  cell: Cell,
  x: Tensor,
  weights: RecurrentWeights,
  start: { readonly hidden: Tensor; readonly cell?: Tensor },
  reverse: boolean,
  fused: boolean,
  ends: Ends | null,
): { output: Tensor; hidden: Tensor; cell?: Tensor } {
  if (ends && reverse) {
    // Each row reversed within its length is a sequence that starts at its end.
    const result = layer(cell, ends.turn(x), weights, start, false, fused, ends);
    return { ...result, output: ends.turn(result.output) };
  }
  const gates = gateInputs(cell, x, weights);
  const { weightHh } = weights;
  const hidden = weightHh.shape[1];
  const biasN = cell === 'gru' ? biasOfN(weights) : null;
  const last = (y: Tensor) => {
    if (ends) return ends.last(y);
    const t = reverse ? 0 : y.shape[0] - 1;
    return reshape(slice(y, [t, 0, 0], [t + 1, ...y.shape.slice(1)]), y.shape.slice(1));
  };
  const finish = (y: Tensor, cells?: Tensor) => ({
    output: ends ? ends.mask(y) : y,
    hidden: last(y),
    cell: cells && last(cells),
  });
  if (!fused) {
    const result = unrolled(cell, reverse, gates, weightHh, biasN, start);
    return finish(result.output, result.cells);
  }
  const extra = cell === 'lstm' ? [start.cell!] : cell === 'gru' ? [biasN ?? fill([hidden], 0, x.dtype)] : [];
  const [y, cells] = apply(recurrentOp, [weightHh, start.hidden, ...extra, gates], { cell, reverse });
  return finish(y, cell === 'lstm' ? cells : undefined);
}

/** Operations on a sequence [T, B, F] whose rows have different lengths. */
interface Ends {
  /** Each row reversed within its length. */
  turn(x: Tensor): Tensor;
  /** 0 past each row's end. */
  mask(x: Tensor): Tensor;
  /** Each row's last step, [B, F]. */
  last(x: Tensor): Tensor;
}

function endsOf(lengths: Tensor, steps: number, batch: number): Ends {
  const time = new Constant(
    [steps, 1],
    'i32',
    Int32Array.from({ length: steps }, (_, t) => t),
  );
  const within = lt(time, lengths); // [T, B]
  const take = (x: Tensor, places: Tensor) =>
    gather(x, expand(reshape(places, [...places.shape, 1]), [...places.shape, x.shape[2]]), 0);
  return {
    turn: (x) => take(x, where(within, sub(sub(lengths, 1), time), time)),
    mask: (x) => where(reshape(within, [steps, batch, 1]), x, 0),
    last: (x) => reshape(take(x, reshape(sub(lengths, 1), [1, batch])), [batch, x.shape[2]]),
  };
}

/** All layers and directions. `states` holds h and, for an LSTM, c: [layers · directions, B, H], or undefined for zeros. */
function network(
  who: string,
  cell: Cell,
  x: Tensor,
  weights: readonly RecurrentWeights[],
  states: readonly (Tensor | undefined)[],
  { batchFirst = false, bidirectional = false, dropout = 0, lengths, fused = true }: RecurrentOptions,
): { output: Tensor; states: Tensor[] } {
  if (x.shape.length === 2) {
    const alone = (state?: Tensor) => state && reshape(state, [state.shape[0], 1, ...state.shape.slice(1)]);
    const [steps, size] = x.shape;
    const options = { bidirectional, dropout, lengths, fused };
    const result = network(who, cell, reshape(x, [steps, 1, size]), weights, states.map(alone), options);
    const withoutBatch = (y: Tensor) => reshape(y, [y.shape[0], y.shape[2]]);
    return { output: withoutBatch(result.output), states: result.states.map(withoutBatch) };
  }
  const directions = bidirectional ? 2 : 1;
  const [steps, batch] = batchFirst ? [x.shape[1], x.shape[0]] : x.shape;
  if (x.shape.length !== 3 || steps < 1) {
    throw new Error(`${who}: x must be [T, B, I] or, without a batch, [T, I], with at least one step, but is ${formatShape(x.shape)}.`); // prettier-ignore
  }
  if (weights.length === 0 || weights.length % directions !== 0) {
    throw new Error(
      `${who}: needs weights for each layer and each of ${directions} direction(s), but got ${weights.length}.`,
    );
  }
  const hidden = weights[0].weightHh.shape[1];
  const expected = [weights.length, batch, hidden];
  for (const state of states) {
    if (!state || sameShape(state.shape, expected)) continue;
    throw new Error(`${who}: initial states must be ${formatShape(expected)}, but one is ${formatShape(state.shape)}.`);
  }
  if (lengths && (lengths.dtype !== 'i32' || !sameShape(lengths.shape, [batch]))) {
    const given = formatSpec(lengths);
    throw new Error(`${who}: lengths must be i32${formatShape([batch])}, one per row, but are ${given}.`);
  }
  const ends = lengths ? endsOf(lengths, steps, batch) : null;
  const zeros = fill([batch, hidden], 0, x.dtype);
  const stateOf = (state: Tensor | undefined, k: number) =>
    state ? reshape(slice(state, [k, 0, 0], [k + 1, batch, hidden]), [batch, hidden]) : zeros;

  let y = batchFirst ? permute(x, [1, 0, 2]) : x;
  const last: { hidden: Tensor; cell?: Tensor }[] = [];
  for (let k = 0; k < weights.length; k += directions) {
    const input = k > 0 && dropout > 0 ? drop(y, dropout) : y;
    const results = weights.slice(k, k + directions).map((own, direction) => {
      checkWeights(who, cell, own, input.shape[2]);
      const start = { hidden: stateOf(states[0], k + direction), cell: stateOf(states[1], k + direction) };
      return layer(cell, input, own, start, direction === 1, fused, ends);
    });
    last.push(...results);
    y = results.length === 1 ? results[0].output : concat(results.map(({ output }) => output), 2); // prettier-ignore
  }
  const stacked = (tensors: readonly Tensor[]) => concat(tensors.map((one) => reshape(one, [1, batch, hidden])));
  const finals = [stacked(last.map((one) => one.hidden))];
  if (cell === 'lstm') finals.push(stacked(last.map((one) => one.cell!)));
  return { output: batchFirst ? permute(y, [1, 0, 2]) : y, states: finals };
}

/**
 * Elman's network: h[t] = tanh (or relu) of x[t] · weightIhᵀ + h[t-1] · weightHhᵀ + biases. x is [T, B, I], or [T, I] for
 * a single sequence; `weights` has one entry per layer, or two with `bidirectional`, forward and reverse; `hidden`
 * [layers · directions, B, H] is the initial state, zeros by default.
 */
export function rnn(
  x: Tensor,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions & { readonly hidden?: Tensor; readonly nonlinearity?: 'tanh' | 'relu' } = {},
): RecurrentOutput {
  const cell = options.nonlinearity === 'relu' ? 'rnnRelu' : 'rnnTanh';
  const { output, states } = network('rnn', cell, x, weights, [options.hidden], options);
  return { output, hidden: states[0] };
}

/** Long short-term memory (Hochreiter and Schmidhuber, 1997) as torch.nn.LSTM; x, `weights` and states as in `rnn`. */
export function lstm(
  x: Tensor,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions & Partial<LstmState> = {},
): RecurrentOutput & LstmState {
  const { output, states } = network('lstm', 'lstm', x, weights, [options.hidden, options.cell], options);
  return { output, hidden: states[0], cell: states[1] };
}

/** Gated recurrent units (Cho et al., 2014) as torch.nn.GRU; x, `weights` and states as in `rnn`. */
export function gru(
  x: Tensor,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions & { readonly hidden?: Tensor } = {},
): RecurrentOutput {
  const { output, states } = network('gru', 'gru', x, weights, [options.hidden], options);
  return { output, hidden: states[0] };
}
