// A case as a graph: its outputs, and the gradients of a weighted sum of them.

import { grad } from '../autograd/grad.ts';
import { isFloat, type DType, type TensorData } from '../core/dtype.ts';
import { topologicalOrder } from '../core/graph.ts';
import type { Capabilities } from '../core/kernel.ts';
import { RandomSource } from '../core/random.ts';
import { Input, Tensor, type Node } from '../core/tensor.ts';
import { RandomState, trace } from '../core/trace.ts';
import { add, mul } from '../ops/elementwise/binary.ts';
import { cast } from '../ops/elementwise/cast.ts';
import { sum } from '../ops/reductions/reduce.ts';
import { inputsOf, type VerifyCase } from './case.ts';
import { variantNames } from './variants.ts';

/** Which of its results an op's case is compared by. */
export type Direction = 'forward' | 'backward';

/** A case in a graph. Results are named `forward/0`, `backward/0` …: outputs, and gradients of the float inputs. */
export interface TracedCase {
  readonly results: Readonly<Record<string, Tensor>>;
  /** What the inputs hold, by the names that `tensor` was asked for. */
  readonly values: Readonly<Record<string, TensorData>>;
}

/** The direction of a result, from its name. */
export const directionOf = (name: string): Direction => name.split('/')[0] as Direction;

/** Numbers in (-1, 1) that the outputs are weighted with. */
function weightsLike({ shape, size }: Tensor, stream: number): TensorData {
  const random = new RandomSource(9, stream);
  return { shape, dtype: 'f32', data: Float32Array.from({ length: size }, () => random.uniform(-1, 1)) };
}

/** Records a case with its f32 inputs as `dtype`; `leaf` makes the tensor of an input from its name and values. */
export function traceCase(
  one: VerifyCase,
  dtype: DType,
  leaf: (name: string, values: TensorData) => Tensor = (name, values) => new Input(name, values),
): TracedCase {
  const values: Record<string, TensorData> = {};
  const make = (name: string, data: TensorData) => leaf(name, (values[name] = data));
  const inputs = inputsOf(one, dtype).map((data, i) => make(`in${i}`, data));
  // A trace of its own: random numbers do not depend on which cases share a program.
  const { result, trace: recorded } = trace(() => one.call(inputs), new RandomState(3));
  const returned = result instanceof Tensor ? [result] : result;
  const outputs = [...returned, ...recorded.updates.values()];
  const results = Object.fromEntries(outputs.map((output, i) => [`forward/${i}`, output]));
  const wanted = inputs.filter((input) => isFloat(input.dtype));
  const floats = returned.filter((output) => isFloat(output.dtype));
  if (one.backward === false || wanted.length === 0 || floats.length === 0) return { results, values };
  const weighted = floats.map((output, i) => {
    const weights = make(`weights${i}`, weightsLike(output, i));
    return sum(mul(output, output.dtype === 'f32' ? weights : cast(weights, output.dtype)));
  });
  const total = weighted.map((term) => cast(term, weighted[0].dtype)).reduce((a, b) => add(a, b));
  const gradients = grad(total, wanted);
  return {
    results: { ...results, ...Object.fromEntries(gradients.map((gradient, i) => [`backward/${i}`, gradient])) },
    values,
  };
}

/** The nodes of each direction; what both need is forward. */
export function nodesOf({ results }: TracedCase): Record<Direction, Node[]> {
  const entries = Object.entries(results);
  const of = (direction: Direction) => entries.filter(([name]) => directionOf(name) === direction).map(([, x]) => x);
  const forward = topologicalOrder(of('forward'));
  const shared = new Set(forward);
  return { forward, backward: topologicalOrder(of('backward')).filter((node) => !shared.has(node)) };
}

/** How often a case must run until every variant of all its nodes has. */
export function variantCount(traced: TracedCase, capabilities: Capabilities): number {
  const { forward, backward } = nodesOf(traced);
  return Math.max(1, ...[...forward, ...backward].map((node) => variantNames(node, capabilities).length));
}

/**
 * What computes a direction when variant `index` of every op is chosen: `tiled` for a record of the op's own name,
 * `sum.tree` for another; `elementwise` or `view` where there is no kernel with variants.
 */
export function variantLabel(op: string, nodes: readonly Node[], index: number, capabilities: Capabilities): string {
  const labels = nodes.flatMap((node) => {
    const names = variantNames(node, capabilities);
    if (names.length === 0) return [];
    const name = names[Math.min(index, names.length - 1)];
    return [node.op.name === op ? name : `${node.op.name}.${name}`];
  });
  if (labels.length > 0) return [...new Set(labels)].join(', ');
  return nodes.some((node) => node.op.kind === 'pointwise') ? 'elementwise' : 'view';
}
