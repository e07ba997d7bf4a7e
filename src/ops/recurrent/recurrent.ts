// Recurrent layers over a whole sequence: a record forward and one backward, each with one dispatch per time step.

import { sharesLoads } from '../../../shaders/lib/lanes.wgsl.ts';
import { recurrentRegister } from '../../../shaders/recurrent/recurrent-register.wgsl.ts';
import {
  GATES, recurrentNames, type Cell, type RecurrentShape, type RecurrentStep,
} from '../../../shaders/recurrent/recurrent-step.ts'; // prettier-ignore
import { recurrentDirect, recurrentTiled } from '../../../shaders/recurrent/recurrent.wgsl.ts';
import { floatType, type Variant } from '../../core/kernel.ts';
import { gradientOnly } from '../../core/onnx.ts';
import { apply, type CpuArray, type KernelCall, type KernelOp } from '../../core/op.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import { fill, type Tensor, type TensorSpec } from '../../core/tensor.ts';
import { add } from '../elementwise/binary.ts';
import { cast } from '../elementwise/cast.ts';
import { concat } from '../movement/concat.ts';
import { expand } from '../movement/expand.ts';
import { matmul } from '../matmul/matmul.ts';
import { recurrentOnnx } from './recurrent-onnx.ts';
import { sum } from '../reductions/reduce.ts';
import { reshape } from '../movement/reshape.ts';
import { slice } from '../movement/slice.ts';

export { GATES, type Cell };

export interface RecurrentAttrs {
  readonly cell: Cell;
  /** True to process the sequence from its end. */
  readonly reverse: boolean;
}

interface RecurrentGradAttrs extends RecurrentAttrs {
  /** Whether the cell states of an LSTM have a gradient of their own. */
  readonly cellGradient: boolean;
}

/** Names of the inputs and outputs of the backward record. */
const backwardNames = (attrs: RecurrentGradAttrs) => recurrentNames({ ...attrs, direction: 'backward' });

interface Sizes {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
}

/** The sizes of a call, from its weight [G·H, H] and its last input or `dy`, [T, B, …]. */
const sizesOf = (weightHh: TensorSpec, sequence: TensorSpec): Sizes => ({
  steps: sequence.shape[0],
  batch: sequence.shape[1],
  hidden: weightHh.shape[1],
});

/** The steps in the order in which they are processed forward. */
function stepsOf(steps: number, reverse: boolean): RecurrentStep[] {
  const at = (i: number) => (i < 0 || i >= steps ? null : reverse ? steps - 1 - i : i);
  return Array.from({ length: steps }, (_, i) => ({ at: at(i)!, before: at(i - 1), after: at(i + 1) }));
}

/** Kernel variants that compute `steps` in this order, best first. */
function variants(
  { capabilities, inputs, aliases = [] }: Pick<KernelCall<object>, 'capabilities' | 'inputs' | 'aliases'>,
  settings: Omit<RecurrentShape, 'element' | 'taker'>,
  steps: readonly RecurrentStep[],
): Variant[] {
  const taker = aliases.indexOf(inputs.length - 1);
  const shape = { ...settings, element: floatType(inputs[0].dtype), taker: taker < 0 ? null : taker };
  const direct = recurrentDirect(shape, steps);
  const register = recurrentRegister(shape, steps, sharesLoads(shape.batch, shape.hidden, capabilities));
  const tiled = recurrentTiled(shape, steps);
  if (steps.length === 1) return [direct, register, tiled];
  return capabilities.software ? [register, direct, tiled] : [tiled, register, direct];
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * All steps of a recurrent layer. Inputs: weightHh [G·H, H], h0 [B, H], then c0 [B, H] (LSTM) or the bias of n's hidden
 * side [H] (GRU), and last the inputs of all gates [T, B, G·H]: x · weightIhᵀ and the biases. Outputs: h of every step
 * [T, B, H]; LSTM: c of every step and the activated gates; GRU: the hidden side of n and the activated gates.
 */
export const recurrentOp: KernelOp<RecurrentAttrs> = {
  name: 'recurrent',
  kind: 'kernels',
  infer(inputs, { cell }) {
    const [weight, gates] = [inputs[0], inputs[inputs.length - 1]];
    const { steps, batch, hidden } = sizesOf(weight, gates);
    const wide = GATES[cell] * hidden;
    const expected = [
      [wide, hidden],
      [batch, hidden],
      ...(cell === 'lstm' ? [[batch, hidden]] : cell === 'gru' ? [[hidden]] : []),
      [steps, batch, wide],
    ];
    if (
      gates.shape.length !== 3 ||
      steps < 1 ||
      inputs.length !== expected.length ||
      !inputs.every(({ shape }, i) => sameShape(shape, expected[i]))
    ) {
      const given = inputs.map(({ shape }) => formatShape(shape)).join(', ');
      throw new Error(
        `recurrent (${cell}): needs ${expected.map(formatShape).join(', ')} with T of at least 1, but got ${given}.`,
      );
    }
    if (!['f32', 'f16'].includes(weight.dtype) || inputs.some(({ dtype }) => dtype !== weight.dtype)) {
      const given = inputs.map(({ dtype }) => dtype).join(', ');
      throw new Error(`recurrent (${cell}): all inputs must be f32, or all f16, but are ${given}.`);
    }
    const output = { shape: [steps, batch, hidden], dtype: weight.dtype };
    return GATES[cell] === 1 ? [output] : [output, output, { shape: gates.shape, dtype: weight.dtype }];
  },
  cpu({ inputs, outputs: [y, second, activated], inputSpecs, attrs: { cell, reverse } }) {
    const [weight, h0, extra] = inputs;
    const gates = inputs[inputs.length - 1];
    const { steps, batch, hidden } = sizesOf(inputSpecs[0], inputSpecs[inputs.length - 1]);
    const wide = GATES[cell] * hidden;
    // States are carried in float64 from step to step.
    let h = Float64Array.from(h0);
    const c = cell === 'lstm' ? Float64Array.from(extra) : null;
    for (const { at } of stepsOf(steps, reverse)) {
      const next = new Float64Array(h.length);
      for (let row = 0; row < batch; row++) {
        for (let j = 0; j < hidden; j++) {
          const i = row * hidden + j;
          const place = (at * batch + row) * wide + j;
          const sums = product(weight, h, row, j, hidden, GATES[cell]);
          const input = (g: number) => gates[place + g * hidden];
          const keep = (...values: number[]) => values.forEach((v, g) => (activated[place + g * hidden] = v));
          if (cell === 'lstm') {
            const [a, f, g, o] = [0, 1, 2, 3].map((k) => (k === 2 ? Math.tanh : logistic)(input(k) + sums[k]));
            c![i] = f * c![i] + a * g;
            next[i] = o * Math.tanh(c![i]);
            second[at * batch * hidden + i] = c![i];
            keep(a, f, g, o);
          } else if (cell === 'gru') {
            const [r, z] = [0, 1].map((k) => logistic(input(k) + sums[k]));
            const fromHidden = sums[2] + extra[j];
            const n = Math.tanh(input(2) + r * fromHidden);
            next[i] = n + z * (h[i] - n);
            second[at * batch * hidden + i] = fromHidden;
            keep(r, z, n);
          } else {
            next[i] = cell === 'rnnTanh' ? Math.tanh(input(0) + sums[0]) : Math.max(input(0) + sums[0], 0);
          }
        }
      }
      y.set(next, at * batch * hidden);
      h = next;
    }
  },
  inPlaceFrom: ({ cell }) => recurrentNames({ cell, direction: 'forward' }).inputs.length - 1,
  gpu(call) {
    const { inputs, attrs: { cell, reverse } } = call; // prettier-ignore
    const { steps, batch, hidden } = sizesOf(inputs[0], inputs[inputs.length - 1]);
    return variants(call, { cell, direction: 'forward', batch, hidden }, stepsOf(steps, reverse));
  },
  vjp({ inputs, outputs: [y, second, activated], gradients, attrs: { cell, reverse } }) {
    const [weight, h0, extra] = inputs;
    const { steps, batch, hidden } = sizesOf(weight, y);
    const dy = gradients[0] ?? expand(fill([], 0, y.dtype), y.shape);
    const order = stepsOf(steps, reverse);
    const [first, last] = [order[0].at, order[steps - 1].at];
    const range = (x: Tensor, from: number, to: number) => slice(x, [from, 0, 0], [to, ...x.shape.slice(1)]);
    const start = reshape(h0, [1, batch, hidden]);
    const rest = last > first ? range(y, 0, last) : range(y, 1, steps);
    const previous = steps === 1 ? start : concat(reverse ? [rest, start] : [start, rest]); // [T, B, H]

    const dcells = cell === 'lstm' ? gradients[1] : null;
    const given = {
      rnnTanh: [y],
      rnnRelu: [y],
      lstm: [extra, second, ...(dcells ? [dcells] : []), activated],
      gru: [previous, second, activated],
    }[cell];
    const attrs = { cell, reverse, cellGradient: dcells !== null };
    const [dgates, carry, dhiddenN] = apply(recurrentGradOp, [weight, dy, ...given], attrs);
    const carried = carry && cast(carry, y.dtype);
    /** The gradients of the product of weight and state, [T, B, G·H]. */
    const hiddenSide =
      cell === 'gru' ? concat([slice(dgates, [0, 0, 0], [steps, batch, 2 * hidden]), dhiddenN], 2) : dgates;
    const rows = (x: Tensor) => reshape(x, [steps * batch, x.shape[2]]);
    const dh0 = matmul(reshape(range(hiddenSide, first, first + 1), [batch, weight.shape[0]]), weight);
    return [
      matmul(rows(hiddenSide), rows(previous), { transposeA: true }),
      cell === 'gru' ? add(dh0, carried) : dh0,
      ...(cell === 'lstm' ? [carried] : cell === 'gru' ? [sum(dhiddenN, [0, 1])] : []),
      dgates,
    ];
  },
  flops: ([weight], [y]) => 2 * sizeOf(y.shape) * weight.shape[0],
  onnx: recurrentOnnx,
};

/** For each gate of hidden unit j: its row of the weight · h of a batch row. */
function product(weight: CpuArray, h: CpuArray, row: number, j: number, hidden: number, gates: number): number[] {
  return Array.from({ length: gates }, (_, g) => {
    let total = 0;
    for (let k = 0; k < hidden; k++) total += weight[(g * hidden + j) * hidden + k] * h[row * hidden + k];
    return total;
  });
}

/**
 * The gradient of all steps of `recurrent`: inputs and outputs as named by `backwardNames`. `carry` [B, H] (f32) is the part of
 * the initial state's gradient that bypasses the product: all of it for c0, z · dh for a GRU.
 */
export const recurrentGradOp: KernelOp<RecurrentGradAttrs> = {
  name: 'recurrentGrad',
  kind: 'kernels',
  infer: ([weight, dy], { cell }) => {
    const [steps, batch, hidden] = dy.shape;
    const dgates = { shape: [steps, batch, GATES[cell] * hidden], dtype: weight.dtype };
    const carry = { shape: [batch, hidden], dtype: 'f32' } as const;
    if (GATES[cell] === 1) return [dgates];
    return cell === 'lstm' ? [dgates, carry] : [dgates, carry, { shape: dy.shape, dtype: weight.dtype }];
  },
  cpu({ inputs, outputs: [dgates, carry, dhiddenN], inputSpecs, attrs }) {
    const { cell, reverse } = attrs;
    const named = Object.fromEntries(backwardNames(attrs).inputs.map((name, i) => [name, inputs[i]]));
    const { weight_hh: weight, dy, y, c0, cells, dcells, previous, hidden_n: hiddenN, activated } = named;
    const { steps, batch, hidden } = sizesOf(inputSpecs[0], inputSpecs[1]);
    const wide = GATES[cell] * hidden;
    const carried = new Float64Array(batch * hidden);
    /** Gradients of the product at the step after. */
    let hiddenSide = new Float64Array(batch * wide);
    for (const { at, before } of stepsOf(steps, reverse).reverse()) {
      const next = new Float64Array(batch * wide);
      for (let row = 0; row < batch; row++) {
        for (let j = 0; j < hidden; j++) {
          const i = row * hidden + j;
          const place = at * batch * hidden + i;
          const start = (at * batch + row) * wide + j;
          let dh = dy[place];
          for (let k = 0; k < wide; k++) dh += hiddenSide[row * wide + k] * weight[k * hidden + j];
          const keep = (...values: number[]) =>
            values.forEach((value, g) => {
              dgates[start + g * hidden] = value;
              next[row * wide + g * hidden + j] = value;
            });
          if (cell === 'lstm') {
            const [a, f, g, o] = [0, 1, 2, 3].map((k) => activated[start + k * hidden]);
            const squashed = Math.tanh(cells[place]);
            const cellBefore = before === null ? c0[i] : cells[before * batch * hidden + i];
            const dc = carried[i] + (dcells?.[place] ?? 0) + dh * o * (1 - squashed ** 2);
            keep(
              dc * g * a * (1 - a),
              dc * cellBefore * f * (1 - f),
              dc * a * (1 - g * g),
              dh * squashed * o * (1 - o),
            );
            carried[i] = dc * f;
          } else if (cell === 'gru') {
            const [r, z, n] = [0, 1, 2].map((k) => activated[start + k * hidden]);
            const dstate = dh + carried[i];
            const dn = dstate * (1 - z) * (1 - n * n);
            keep(dn * hiddenN[place] * r * (1 - r), dstate * (previous[place] - n) * z * (1 - z), dn);
            dhiddenN[place] = next[row * wide + 2 * hidden + j] = dn * r;
            carried[i] = dstate * z;
          } else keep(cell === 'rnnTanh' ? dh * (1 - y[place] ** 2) : y[place] > 0 ? dh : 0);
        }
      }
      hiddenSide = next;
    }
    carry?.set(carried);
  },
  inPlaceFrom: (attrs) => backwardNames(attrs).inputs.length - 1,
  gpu(call) {
    const { inputs, attrs: { cell, reverse, cellGradient } } = call; // prettier-ignore
    const { steps, batch, hidden } = sizesOf(inputs[0], inputs[1]);
    const settings = { cell, direction: 'backward', batch, hidden, cellGradient } as const;
    return variants(call, settings, stepsOf(steps, reverse).reverse());
  },
  // The second derivative of a fused sequence would need a third record as long as this one; `fused: false` has it.
  vjp: 'none',
  noGradient: 'For second derivatives call rnn, lstm or gru with { fused: false }.',
  flops: ([weight], [dgates]) => 2 * sizeOf(dgates.shape) * weight.shape[1],
  onnx: gradientOnly,
};
