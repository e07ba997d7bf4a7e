// Recurrent cells composed of ordinary ops: one step, and whole sequences of steps.

import { GATES, type Cell } from '../../../shaders/recurrent/recurrent-step.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { add, mul, sub } from '../elementwise/binary.ts';
import { concat } from '../movement/concat.ts';
import { pad } from '../movement/pad.ts';
import { matmul } from '../matmul/matmul.ts';
import { reshape } from '../movement/reshape.ts';
import { slice } from '../movement/slice.ts';
import { relu, sigmoid, tanh } from '../elementwise/unary.ts';

/**
 * The weights of one recurrent layer in one direction, in torch's layout. G gates follow one another: one in an RNN;
 * i, f, g, o in an LSTM; r, z, n in a GRU. I is the size of the input, H that of the state.
 */
export interface RecurrentWeights {
  /** [G·H, I] */
  readonly weightIh: Tensor;
  /** [G·H, H] */
  readonly weightHh: Tensor;
  /** [G·H] */
  readonly biasIh?: Tensor | null;
  /** [G·H] */
  readonly biasHh?: Tensor | null;
}

/** The state of an LSTM: both [B, H], or [layers · directions, B, H]. */
export interface LstmState {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** `x` in [`from`, `to`) along its last axis. */
const columns = (x: Tensor, from: number, to: number): Tensor => {
  const outer = x.shape.slice(0, -1);
  return slice(x, [...outer.map(() => 0), from], [...outer, to]);
};

/** Checks the weights of a layer with inputs of size `size`; the error names the op and shows all shapes. */
export function checkWeights(who: string, cell: Cell, weights: RecurrentWeights, size: number): void {
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const hidden = weightHh.shape[1] ?? 0;
  const wide = GATES[cell] * hidden;
  const fits =
    sameShape(weightIh.shape, [wide, size]) &&
    sameShape(weightHh.shape, [wide, hidden]) &&
    [biasIh, biasHh].every((bias) => !bias || sameShape(bias.shape, [wide]));
  if (fits) return;
  const given = [weightIh, weightHh, biasIh, biasHh].map((x) => (x ? formatShape(x.shape) : 'no bias')).join(', ');
  throw new Error(
    `${who}: weights for inputs of ${size} must be [${GATES[cell]}·H, ${size}], [${GATES[cell]}·H, H] and biases ` +
      `[${GATES[cell]}·H], but are ${given}.`,
  );
}

/**
 * The gates' inputs besides the state, [..., I] → [..., G·H]: one product, and all biases except the hidden-side one of a GRU's n.
 */
export function gateInputs(cell: Cell, x: Tensor, { weightIh, weightHh, biasIh, biasHh }: RecurrentWeights): Tensor {
  const hidden = weightHh.shape[1];
  const outer = x.shape.slice(0, -1);
  const outside = biasHh && cell === 'gru' ? pad(columns(biasHh, 0, 2 * hidden), [0], [hidden]) : biasHh;
  const bias = biasIh && outside ? add(biasIh, outside) : (biasIh ?? outside);
  const flat = matmul(reshape(x, [sizeOf(outer), x.shape[outer.length]]), weightIh, { transposeB: true });
  return reshape(bias ? add(flat, bias) : flat, [...outer, GATES[cell] * hidden]);
}

/** The bias that a GRU multiplies by its reset gate, [H]. */
export function biasOfN({ weightHh, biasHh }: RecurrentWeights): Tensor | null {
  const hidden = weightHh.shape[1];
  return biasHh ? columns(biasHh, 2 * hidden, 3 * hidden) : null;
}

/** A cell's next state from its gates' inputs [B, G·H] and its state [B, H]. */
export function step(
  cell: Cell,
  gates: Tensor,
  weightHh: Tensor,
  biasN: Tensor | null,
  { hidden, cell: memory }: { readonly hidden: Tensor; readonly cell?: Tensor },
): { hidden: Tensor; cell?: Tensor } {
  const size = weightHh.shape[1];
  const gate = (x: Tensor, g: number) => columns(x, g * size, (g + 1) * size);
  const product = matmul(hidden, weightHh, { transposeB: true });
  if (cell === 'gru') {
    const [r, z] = [0, 1].map((g) => sigmoid(add(gate(gates, g), gate(product, g))));
    const fromHidden = biasN ? add(gate(product, 2), biasN) : gate(product, 2);
    const n = tanh(add(gate(gates, 2), mul(r, fromHidden)));
    return { hidden: add(n, mul(z, sub(hidden, n))) };
  }
  const total = add(product, gates);
  if (cell !== 'lstm') return { hidden: cell === 'rnnTanh' ? tanh(total) : relu(total) };
  const [i, f, o] = [0, 1, 3].map((g) => sigmoid(gate(total, g)));
  const next = add(mul(f, memory!), mul(i, tanh(gate(total, 2))));
  return { hidden: mul(o, tanh(next)), cell: next };
}

/** A sequence step by step: gates' inputs [T, B, G·H] → every h and, for an LSTM, every c, [T, B, H]. */
export function unrolled(
  cell: Cell,
  reverse: boolean,
  gates: Tensor,
  weightHh: Tensor,
  biasN: Tensor | null,
  start: { readonly hidden: Tensor; readonly cell?: Tensor },
): { output: Tensor; cells?: Tensor } {
  const [steps, batch, wide] = gates.shape;
  const states: { readonly hidden: Tensor; readonly cell?: Tensor }[] = [];
  let state: { readonly hidden: Tensor; readonly cell?: Tensor } = start;
  for (let i = 0; i < steps; i++) {
    const t = reverse ? steps - 1 - i : i;
    const own = reshape(slice(gates, [t, 0, 0], [t + 1, batch, wide]), [batch, wide]);
    state = step(cell, own, weightHh, biasN, state);
    states.push(state);
  }
  if (reverse) states.reverse();
  const stacked = (tensors: readonly Tensor[]) => concat(tensors.map((one) => reshape(one, [1, ...one.shape])));
  return {
    output: stacked(states.map(({ hidden }) => hidden)),
    cells: cell === 'lstm' ? stacked(states.map((one) => one.cell!)) : undefined,
  };
}

/** Checks the input and states of one step, and computes it. */
function checkedStep(who: string, cell: Cell, x: Tensor, states: readonly Tensor[], weights: RecurrentWeights) {
  checkWeights(who, cell, weights, x.shape[1] ?? 0);
  const expected = [x.shape[0], weights.weightHh.shape[1]];
  if (x.shape.length !== 2 || !states.every(({ shape }) => sameShape(shape, expected))) {
    const given = [x, ...states].map(({ shape }) => formatShape(shape)).join(', ');
    throw new Error(`${who}: needs x [B, I] and states [B, ${expected[1]}], but got ${given}.`);
  }
  const [hidden, memory] = states;
  const biasN = cell === 'gru' ? biasOfN(weights) : null;
  return step(cell, gateInputs(cell, x, weights), weights.weightHh, biasN, { hidden, cell: memory });
}

/** One step of Elman's network: tanh (or relu) of x · weightIhᵀ + h · weightHhᵀ + biases. x [B, I], h [B, H] → [B, H]. */
export function rnnCell(
  x: Tensor,
  h: Tensor,
  weights: RecurrentWeights,
  { nonlinearity = 'tanh' as 'tanh' | 'relu' } = {},
): Tensor {
  return checkedStep('rnnCell', nonlinearity === 'relu' ? 'rnnRelu' : 'rnnTanh', x, [h], weights).hidden;
}

/** One step of long short-term memory (Hochreiter and Schmidhuber, 1997; Gers et al., 2000): x [B, I], h and c [B, H]. */
export function lstmCell(x: Tensor, h: Tensor, c: Tensor, weights: RecurrentWeights): LstmState {
  const { hidden, cell } = checkedStep('lstmCell', 'lstm', x, [h, c], weights);
  return { hidden, cell: cell! };
}

/** One step of a gated recurrent unit (Cho et al., 2014), with torch's reset gate: x [B, I], h [B, H] → [B, H]. */
export const gruCell = (x: Tensor, h: Tensor, weights: RecurrentWeights): Tensor =>
  checkedStep('gruCell', 'gru', x, [h], weights).hidden;
