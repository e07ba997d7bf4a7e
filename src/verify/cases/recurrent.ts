// Recurrent layers and cells: sizes beyond the tiles, one step, both directions, several layers.

import { Constant, type Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { rounded, type CheckTable } from '../allowed.ts';
import { floats, type Values, type VerifyCase } from '../case.ts';

const weightsOf = ([weightIh, weightHh, biasIh, biasHh]: readonly Tensor[]): ops.RecurrentWeights => ({
  weightIh,
  weightHh,
  biasIh,
  biasHh,
});

/** Weights of one layer, in PyTorch's initial range. */
function weightValues(gates: number, inputs: number, hidden: number): Values[] {
  const bound = 1 / Math.sqrt(hidden);
  const shapes = [[gates * hidden, inputs], [gates * hidden, hidden], [gates * hidden], [gates * hidden]]; // prettier-ignore
  return shapes.map((shape) => floats(shape, -bound, bound));
}

type Network = (x: Tensor, weights: ops.RecurrentWeights[], options: ops.RecurrentOptions) => ops.RecurrentOutput;

function network(
  call: Network,
  gates: number,
  name: string,
  [steps, batch, inputs, hidden]: readonly number[],
  { layers = 1, ...options }: ops.RecurrentOptions & { readonly layers?: number } = {},
): VerifyCase {
  const directions = options.bidirectional ? 2 : 1;
  const values = Array.from({ length: layers * directions }, (_, k) =>
    weightValues(gates, k < directions ? inputs : directions * hidden, hidden),
  );
  return {
    name,
    inputs: [floats([steps, batch, inputs], -1, 1), ...values.flat()],
    call: ([x, ...rest]) =>
      Object.values(
        call(
          x,
          values.map((_, k) => weightsOf(rest.slice(4 * k, 4 * k + 4))),
          options,
        ),
      ) as Tensor[],
  };
}

/** Rows of one, two and three steps, in both directions. */
function lengthsCase(call: Network, gates: number): VerifyCase {
  const lengths = new Constant([3], 'i32', Int32Array.of(1, 3, 2));
  return network((x, weights, options) => call(x, weights, { ...options, lengths }), gates, 'lengths', [3, 3, 2, 5], {
    bidirectional: true,
  });
}

const networks = (call: Network, gates: number): VerifyCase[] => [
  network(call, gates, 'odd', [5, 3, 5, 33]),
  network(call, gates, 'tiles', [2, 9, 2, 68]),
  network(call, gates, 'oneStep', [1, 2, 3, 7]),
  network(call, gates, 'bothWays', [4, 2, 3, 8], { layers: 2, bidirectional: true }),
  lengthsCase(call, gates),
];

const cell = (gates: number, states: number, call: (x: readonly Tensor[]) => Tensor | Tensor[]): VerifyCase[] => [
  {
    name: 'odd',
    inputs: [floats([3, 5], -1, 1), ...Array.from({ length: states }, () => floats([3, 33], -1, 1)), ...weightValues(gates, 5, 33)], // prettier-ignore
    call,
  },
];

export const recurrentChecks: CheckTable = {
  // Up to 17 steps, each on the rounded result of the one before. CPU: measured 1.6 and 5.1, from six sums of rounded products
  // per element. GPU: measured 6.8 and 13.3; with relu states grow.
  // f16: Each step's gradients are rounded before the next. Measured 2.7.
  rnn: {
    cpu: [5, 12],
    gpu: [24, 48],
    f16: [2, 6],
    cases: [
      ...networks(ops.rnn, 1),
      network((x, weights) => ops.rnn(x, weights, { nonlinearity: 'relu' }), 1, 'relu', [5, 3, 5, 33]),
      network(ops.rnn, 1, 'wide', [2, 2, 1, 260]),
    ],
  },
  // Measured 1.7 and 4.0: gates are below 1.
  lstm: { ...rounded, gpu: [6, 14], cases: networks(ops.lstm, 4) },
  // Measured 2.9 and 7.2.
  gru: { ...rounded, gpu: [11, 28], cases: networks(ops.gru, 3) },
  // One step. Measured 1.3 and 2.9.
  rnnCell: {
    ...rounded,
    gpu: [5, 8],
    cases: cell(1, 1, ([x, h, ...weights]) => ops.rnnCell(x, h, weightsOf(weights))),
  },
  lstmCell: {
    ...rounded,
    gpu: [5, 11],
    cases: cell(4, 2, ([x, h, c, ...weights]) => Object.values(ops.lstmCell(x, h, c, weightsOf(weights))) as Tensor[]),
  },
  gruCell: {
    ...rounded,
    gpu: [5, 7],
    cases: cell(3, 1, ([x, h, ...weights]) => ops.gruCell(x, h, weightsOf(weights))),
  },
};
