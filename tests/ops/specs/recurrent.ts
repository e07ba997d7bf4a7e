// Specs of recurrent networks and cells: calls and rejected inputs.

import { Constant, type Tensor } from '../../../src/core/tensor.ts';
import { concat, gru, gruCell, lstm, lstmCell, reshape, rnn, rnnCell, type RecurrentWeights } from '../../../src/ops/index.ts'; // prettier-ignore
import type { OpSpec, WrongInputs } from '../../harness/test-op.ts';
import { shaped } from './wrong.ts';

/** The attributes of a network's case. */
interface NetworkAttrs {
  readonly layers?: number;
  readonly bidirectional?: boolean;
  readonly batchFirst?: boolean;
  readonly bias?: boolean;
  readonly nonlinearity?: 'tanh' | 'relu';
  readonly fused?: boolean;
  readonly lengths?: readonly number[];
}

/** The weights of one layer and direction, from tensors in PyTorch's order. */
const weightsOf = ([weightIh, weightHh, biasIh, biasHh]: readonly Tensor[]): RecurrentWeights => ({
  weightIh,
  weightHh,
  biasIh,
  biasHh,
});

/** Concatenates all outputs, because a case has one. */
const flat = (...tensors: readonly Tensor[]): Tensor => concat(tensors.map((tensor) => reshape(tensor, [-1])));

type Network = (
  x: Tensor,
  weights: readonly RecurrentWeights[],
  options: Omit<NetworkAttrs, 'layers' | 'bias' | 'lengths'> & {
    readonly hidden?: Tensor;
    readonly cell?: Tensor;
    readonly lengths?: Tensor;
  },
) => { readonly output: Tensor; readonly hidden: Tensor; readonly cell?: Tensor };

/** Calls a network with the inputs of a case: x, the weights of each layer and direction, then the states. */
function callNetwork(network: Network, [x, ...rest]: readonly Tensor[], attrs: NetworkAttrs): Tensor {
  const { layers = 1, bias = true, lengths: counts, ...options } = attrs;
  const lengths = counts && new Constant([counts.length], 'i32', Int32Array.from(counts));
  const count = layers * (options.bidirectional ? 2 : 1);
  const each = bias ? 4 : 2;
  const weights = Array.from({ length: count }, (_, k) => weightsOf(rest.slice(each * k, each * (k + 1))));
  const [hidden, cell] = rest.slice(each * count);
  const result = network(x, weights, { ...options, hidden, cell, lengths });
  return flat(...[result.output, result.hidden, result.cell].filter((tensor) => tensor !== undefined));
}

/** Shapes that a network with `gates` gates must reject. */
const wrongFor = (gates: number): WrongInputs[] => [
  { inputs: shaped([2, 1, 3], [4 * gates, 2], [4 * gates, 4]), attrs: { bias: false }, says: [`[${4 * gates}, 2]`] },
  { inputs: shaped([2, 1, 3], [4 * gates, 3], [4 * gates, 5]), attrs: { bias: false }, says: [`[${4 * gates}, 5]`] },
  { inputs: shaped([2, 1, 3], [4 * gates, 3], [4 * gates, 4], [4], [5]), says: ['[4], [5]'] },
  { inputs: shaped([3], [4 * gates, 3], [4 * gates, 4]), attrs: { bias: false }, says: ['[3]'] },
  { inputs: shaped([2, 1, 3], [4 * gates, 3], [4 * gates, 4]), attrs: { bias: false, lengths: [1, 2] }, says: ['i32[1]', 'i32[2]'] }, // prettier-ignore
  { inputs: shaped([0, 1, 3], [4 * gates, 3], [4 * gates, 4]), attrs: { bias: false }, says: ['[0, 1, 3]'] },
  { inputs: shaped([2, 1, 3], [4 * gates, 3], [4 * gates, 4], [1, 2, 4]), attrs: { bias: false }, says: ['[1, 2, 4]'] },
];

const network = (call: Network, gates: number): OpSpec => ({
  call: (inputs, attrs: NetworkAttrs) => callNetwork(call, inputs, attrs),
  wrong: wrongFor(gates),
  noSecondDerivative: 'it has one with fused: false, which tests/ops/recurrent.test.ts checks',
});

const wrongStep = (states: number): WrongInputs[] => [
  { inputs: shaped([2, 3], ...Array<number[]>(states).fill([2, 4]), [4, 3], [4, 5]), says: ['[4, 3], [4, 5]'] },
];

export const recurrent: Record<string, OpSpec> = {
  rnn: network(rnn, 1),
  lstm: network(lstm, 4),
  gru: network(gru, 3),
  rnnCell: {
    call: ([x, h, ...rest], attrs: NetworkAttrs) => rnnCell(x, h, weightsOf(rest), attrs),
    wrong: [...wrongStep(1), { inputs: shaped([2, 3], [1, 4], [4, 3], [4, 4]), says: ['[2, 3], [1, 4]'] }],
  },
  lstmCell: {
    call: ([x, h, c, ...rest]) => {
      const { hidden, cell } = lstmCell(x, h, c, weightsOf(rest));
      return flat(hidden, cell);
    },
    wrong: [...wrongStep(2), { inputs: shaped([2, 3], [2, 4], [2, 5], [16, 3], [16, 4]), says: ['[2, 4], [2, 5]'] }],
  },
  gruCell: { call: ([x, h, ...rest]) => gruCell(x, h, weightsOf(rest)), wrong: wrongStep(1) },
};
