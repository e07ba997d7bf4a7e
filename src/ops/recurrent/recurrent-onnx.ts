// A recurrent layer as ONNX's LSTM, GRU or RNN, which include the input's product and order their gates differently.

import type { Cell } from '../../../shaders/recurrent/recurrent-step.ts';
import type { OnnxCall, OnnxGraph, OnnxValue } from '../../core/onnx.ts';
import type { Node, Tensor } from '../../core/tensor.ts';
import { addOp } from '../elementwise/binary.ts';
import { matmulOp } from '../matmul/matmul.ts';
import { reshapeOp } from '../movement/reshape.ts';
import { sliceOp } from '../movement/slice.ts';
import { unrolled } from './recurrent-cells.ts';

/** Indices of ONNX's gates among ours: i, o, f, c in i, f, g, o; z, r, h in r, z, n. */
const ORDER: Readonly<Record<Cell, readonly number[]>> = {
  rnnTanh: [0],
  rnnRelu: [0],
  lstm: [0, 3, 1, 2],
  gru: [1, 0, 2],
};

/** Attributes of the operators' nodes. */
const NODES: Readonly<Record<Cell, readonly [type: string, attributes: Readonly<Record<string, readonly string[] | number>>]>> = {
  rnnTanh: ['RNN', { activations: ['Tanh'] }],
  rnnRelu: ['RNN', { activations: ['Relu'] }],
  lstm: ['LSTM', {}],
  gru: ['GRU', { linear_before_reset: 1 }],
}; // prettier-ignore

/** The product behind the gates' inputs, if they are x · weightᵀ (+ bias) as in `gateInputs`. */
interface Product {
  readonly x: OnnxValue;
  readonly weight: OnnxValue;
  /** Size of a step of x. */
  readonly size: number;
  readonly bias: OnnxValue | null;
}

function productBehind(graph: OnnxGraph, gates: Tensor): Product | null {
  const [steps, batch, wide] = gates.shape;
  const flat = gates.node?.op === reshapeOp ? gates.node.inputs[0] : null;
  const sum = flat?.node?.op === addOp ? flat.node.inputs : null;
  const product = (sum ? sum[0] : flat)?.node;
  if (product?.op !== matmulOp) return null;
  const { transposeA, transposeB } = product.attrs as { transposeA: boolean; transposeB: boolean };
  const [rows, weight] = product.inputs;
  const fits = !transposeA && transposeB && rows.shape.length === 2 && rows.shape[0] === steps * batch;
  if (!fits || weight.shape.length !== 2 || (sum && sum[1].shape.join() !== String(wide))) return null;
  const x = graph.reshape(graph.valueOf(rows), [steps, batch, rows.shape[1]]);
  return { x, weight: graph.valueOf(weight), size: rows.shape[1], bias: sum && graph.valueOf(sum[1]) };
}

/** True if a node reads only the last step's cell states. */
function readsLast(reader: Node | null, steps: number, reverse: boolean): boolean {
  if (reader?.op !== sliceOp) return false;
  const { starts, ends } = reader.attrs as { starts: readonly number[]; ends: readonly number[] };
  return reverse ? ends[0] === 1 : starts[0] === steps - 1;
}

export function recurrentOnnx(
  graph: OnnxGraph,
  { inputs, tensors, attrs: { cell, reverse }, readers }: OnnxCall<{ readonly cell: Cell; readonly reverse: boolean }>,
): readonly OnnxValue[] {
  const [weightHh, h0, extra] = inputs;
  const gates = tensors[tensors.length - 1];
  const { dtype } = gates;
  const hidden = tensors[0].shape[1];
  const [steps, batch, wide] = gates.shape;
  /** A parameter [G·H, …] with its gates in ONNX's order and a leading axis of directions. */
  const ordered = (parameter: OnnxValue, shape: readonly number[]) => {
    const parts = ORDER[cell].map((gate) =>
      graph.node('Slice', [parameter, graph.ints([gate * hidden]), graph.ints([(gate + 1) * hidden]), graph.ints([0])]),
    );
    const joined = parts.length === 1 ? parameter : graph.node('Concat', parts, { axis: 0 });
    return graph.reshape(joined, [1, ...shape]);
  };
  const zeros = (size: number) => graph.expand(graph.number(0, dtype), [1, size]);

  const found = productBehind(graph, gates);
  // Gates that come from elsewhere go through a product with the identity.
  const identity = () => graph.node('EyeLike', [graph.expand(graph.number(0, dtype), [wide, wide])]);
  const x = found?.x ?? inputs[inputs.length - 1];
  const bias = found?.bias ? ordered(found.bias, [wide]) : zeros(wide);
  const biasOfState =
    cell === 'gru'
      ? graph.node('Concat', [zeros(2 * hidden), graph.reshape(extra, [1, hidden])], { axis: 1 })
      : zeros(wide);
  const state = (value: OnnxValue) => graph.reshape(value, [1, batch, hidden]);
  const [type, attributes] = NODES[cell];
  const operands = [
    x,
    ordered(found?.weight ?? identity(), [wide, found?.size ?? wide]),
    ordered(weightHh, [wide, hidden]),
    graph.node('Concat', [bias, biasOfState], { axis: 1 }),
    null,
    state(h0),
    ...(cell === 'lstm' ? [state(extra)] : []),
  ];
  const direction = reverse ? 'reverse' : 'forward';
  const results = graph.nodes(type, cell === 'lstm' ? 3 : 2, operands, {
    hidden_size: hidden,
    direction,
    ...attributes,
  });
  const y = graph.reshape(results[0], [steps, batch, hidden]);
  if (cell !== 'lstm' || readers(1).length === 0) return [y];
  if (!readers(1).every((reader) => readsLast(reader, steps, reverse))) {
    const start = { hidden: tensors[1], cell: tensors[2] };
    return [y, graph.valueOf(unrolled(cell, reverse, gates, tensors[0], null, start).cells!)];
  }
  // ONNX outputs only the last cell states: padded into place, as the others are not read.
  const margin = reverse ? [0, 0, 0, steps - 1, 0, 0] : [steps - 1, 0, 0, 0, 0, 0];
  return [y, graph.node('Pad', [results[2], graph.ints(margin)])];
}
