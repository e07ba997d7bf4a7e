// Traces a case: its outputs, and the gradients of a weighted sum of them.

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

/** Which results of a case are compared. */
export type Direction = 'forward' | 'backward';

/** A traced case. Results are named `forward/0`, `backward/0` …: outputs, and gradients of the float inputs. */
export interface TracedCase {
  readonly results: Readonly<Record<string, Tensor>>;
  /** The values of the leaves by name. */
  readonly values: Readonly<Record<string, TensorData>>;
}

/** The direction of a result, from its name. */
export const directionOf = (name: string): Direction => name.split('/')[0] as Direction;

/** Random weights in (-1, 1) for an output. */
function weightsLike({ shape, size }: Tensor, stream: number): TensorData {
  const random = new RandomSource(9, stream);
  return { shape, dtype: 'f32', data: Float32Array.from({ length: size }, () => random.uniform(-1, 1)) };
}

/** Traces a case with its f32 inputs as `dtype`; `leaf` makes an input's tensor from its name and values. */
export function traceCase(
  one: VerifyCase,
  dtype: DType,
  leaf: (name: string, values: TensorData) => Tensor = (name, values) => new Input(name, values),
): TracedCase {
  const values: Record<string, TensorData> = {};
  const make = (name: string, data: TensorData) => leaf(name, (values[name] = data));
  const inputs = inputsOf(one, dtype).map((data, i) => make(`in${i}`, data));
  // A separate trace, so that random numbers do not depend on which cases share a program.
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

/** The nodes of each direction; shared nodes are in forward. */
export function nodesOf({ results }: TracedCase): Record<Direction, Node[]> {
  const entries = Object.entries(results);
  const of = (direction: Direction) => entries.filter(([name]) => directionOf(name) === direction).map(([, x]) => x);
  const forward = topologicalOrder(of('forward'));
  const shared = new Set(forward);
  return { forward, backward: topologicalOrder(of('backward')).filter((node) => !shared.has(node)) };
}

/** How often a case must run to cover every variant of all its nodes. */
export function variantCount(traced: TracedCase, capabilities: Capabilities): number {
  const { forward, backward } = nodesOf(traced);
  return Math.max(1, ...[...forward, ...backward].map((node) => variantNames(node, capabilities).length));
}

/**
 * The kernels of a direction when variant `index` of every op is chosen: `tiled` for the record with the op's name, `sum.tree`
 * for another; `elementwise` or `view` if no kernel has variants.
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
