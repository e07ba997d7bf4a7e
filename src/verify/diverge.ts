// Finds the first node of a compiled function whose result on a device differs from the CPU reference.
//
// In graph order, each node runs alone on the CPU and on the device, both on the CPU's values of its inputs, so that an error
// is the node's own and not inherited from earlier nodes.

import { CpuDevice } from '../backends/cpu/cpu-device.ts';
import type { Device, DeviceInfo } from '../backends/device.ts';
import { wgslSource } from '../backends/webgpu/wgsl-source.ts';
import { allocate, isFloat, type TensorData, type TypedArray } from '../core/dtype.ts';
import { fromFloat16, toFloat16 } from '../core/float16.ts';
import { topologicalOrder } from '../core/graph.ts';
import { apply } from '../core/op.ts';
import { Parameter } from '../core/parameter.ts';
import { Constant, Input, Scalar, type Node, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { RandomState, trace } from '../core/trace.ts';
import { compile } from '../runtime/compile.ts';
import type { OnProgram } from '../runtime/profile.ts';
import { deviation } from './compare.ts';
import { toleranceOfRecord, units, type Tolerance } from './tolerances.ts';

type Named<T> = Readonly<Record<string, T>>;

/** A node and its error. */
export interface NodeReport {
  /** Its index among the function's nodes, from 0. */
  readonly index: number;
  readonly op: string;
  readonly kernels: readonly string[];
  readonly outputs: readonly TensorSpec[];
  /** The largest |actual − expected| / (1 + |expected|), and its ratio to the tolerance. */
  readonly maxError: number;
  readonly part: number;
}

/** Everything needed to reproduce the error. */
export interface Repro {
  readonly op: string;
  readonly attrs: object;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** The seed of the function's inputs. */
  readonly seed: number | null;
  readonly kernels: readonly { readonly name: string; readonly workgroups: readonly number[]; readonly wgsl: string }[];
  readonly adapter: DeviceInfo;
  /** The node's index, the number of nodes, and what is wrong. */
  readonly node: number;
  readonly nodes: number;
  readonly problem: string;
  /** The node's input values, if they are few. */
  readonly values?: readonly (readonly number[])[];
}

/** The result: the first wrong node, or if there is none, the node closest to its tolerance. */
export interface Divergence {
  readonly nodes: number;
  /** The number of compared nodes, which excludes views. */
  readonly compared: number;
  readonly worst: NodeReport | null;
  readonly repro: Repro | null;
}

export interface DivergeOptions {
  /** Recorded in the repro: the seed of the inputs. */
  readonly seed?: number;
  readonly onProgress?: (done: number, total: number, op: string) => void;
  /** Called with each node's program on the device. */
  readonly onProgram?: OnProgram;
}

/** Maximum number of input values in a repro. */
const FEW = 4096;

/**
 * Runs `fn` on `inputs` node by node, unfused, on `device` and on the CPU reference, and stops at the first node outside its
 * tolerance. Parameters keep their values, whatever `fn` assigns.
 */
export async function diverge(
  device: Device,
  fn: (inputs: Named<Tensor>) => Named<Tensor>,
  specs: Named<TensorSpec>,
  inputs: Named<TypedArray>,
  { seed, onProgress, onProgram }: DivergeOptions = {},
): Promise<Divergence> {
  if (!device.capabilities) throw new Error('diverge: this device is the CPU reference itself; open a GPU.');
  const leaves = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, new Input(name, spec)]));
  const { result, trace: recorded } = trace(() => fn(leaves), new RandomState(seed ?? 0));
  const nodes = topologicalOrder([...Object.values(result), ...recorded.updates.values()]);
  const values = new Map<Tensor, TypedArray>();
  for (const [name, leaf] of Object.entries(leaves)) values.set(leaf, inputs[name]);
  for (const leaf of new Set(nodes.flatMap((node) => node.inputs))) {
    if (!leaf.node && !values.has(leaf)) values.set(leaf, await valuesOf(leaf));
  }
  let [compared, worst] = [0, null as NodeReport | null];
  for (const [index, node] of nodes.entries()) {
    onProgress?.(index, nodes.length, node.op.name);
    const expected = await runAlone(new CpuDevice(), node, values);
    node.outputs.forEach((output, i) => values.set(output, expected.results[i].data));
    if (node.op.kind === 'view' || node.outputs.every(({ size }) => size === 0)) continue;
    compared++;
    const actual = await runAlone(device, node, values, { name: `node ${index} ${node.op.name}`, onProgram });
    const found = node.outputs.map((output, i) =>
      deviation(actual.results[i], expected.results[i], toleranceFor(node, output, expected.results[i])),
    );
    const most = found.reduce((a, b) => (b.part > a.part ? b : a));
    const shapes = (tensors: readonly Tensor[]) => tensors.map(({ shape, dtype }) => ({ shape, dtype }));
    const report: NodeReport = {
      index,
      op: node.op.name,
      kernels: actual.kernels.map(({ name }) => name),
      outputs: shapes(node.outputs),
      maxError: most.error,
      part: most.part,
    };
    if (!worst || report.part > worst.part) worst = report;
    if (!most.problem) continue;
    const few = node.inputs.reduce((sum, { size }) => sum + size, 0) <= FEW;
    const repro: Repro = {
      op: node.op.name,
      attrs: node.attrs,
      inputs: shapes(node.inputs),
      outputs: shapes(node.outputs),
      seed: seed ?? null,
      kernels: actual.kernels,
      adapter: device.info,
      node: index,
      nodes: nodes.length,
      problem: most.problem,
      ...(few ? { values: node.inputs.map((input) => [...values.get(input)!]) } : {}),
    };
    return { nodes: nodes.length, compared, worst: report, repro };
  }
  return { nodes: nodes.length, compared, worst, repro: null };
}

/** A leaf's values before the function runs. */
async function valuesOf(leaf: Tensor): Promise<TypedArray> {
  if (leaf instanceof Parameter) return (await leaf.read()).data;
  if (leaf instanceof Constant) return leaf.data;
  if (!(leaf instanceof Scalar)) throw new Error(`diverge: ${leaf} is an input of another function.`);
  return allocate(leaf.dtype, 1).fill(leaf.dtype === 'f16' ? toFloat16(leaf.value) : leaf.value);
}

/** Runs a node alone. Constants stay constants, because kernels may inline them. */
async function runAlone(
  device: Device,
  { op, attrs, inputs }: Node,
  values: ReadonlyMap<Tensor, TypedArray>,
  { name = '', onProgram }: { readonly name?: string; readonly onProgram?: OnProgram } = {},
) {
  const distinct = [...new Set(inputs)].filter((input) => !(input instanceof Constant));
  const nameOf = (tensor: Tensor) => `in${distinct.indexOf(tensor)}`;
  const specs = Object.fromEntries(distinct.map((x) => [nameOf(x), { shape: x.shape, dtype: x.dtype }]));
  const build = (tensors: Named<Tensor>) => {
    const own = inputs.map((input) => (input instanceof Constant ? input : tensors[nameOf(input)]));
    return Object.fromEntries(apply(op, own, attrs).map((output, i) => [`out${i}`, output]));
  };
  using program = await compile(device, build, specs, { fuse: false });
  const given = Object.fromEntries(distinct.map((x) => [nameOf(x), values.get(x)!]));
  const results: TensorData[] = Object.values(await program.run(given));
  await onProgram?.(program, given, name);
  const kernels = program.plan.steps.flatMap((step) =>
    step.kernels.map((kernel) => ({ name: kernel.name, workgroups: kernel.workgroups, wgsl: wgslSource(kernel) })),
  );
  return { results, kernels };
}

/**
 * The tolerance of a node. Those in the tables are for values around 1; they are scaled by the tensor's largest value if that
 * is above 1, because sums then had terms of that size.
 */
function toleranceFor({ op }: Node, { dtype }: Tensor, { data }: TensorData): Tolerance {
  if (!isFloat(dtype)) return units(0);
  const { absolute, relative } = toleranceOfRecord(op.name, dtype);
  let largest = 1;
  for (const stored of data) {
    const size = Math.abs(dtype === 'f16' ? fromFloat16(stored) : stored);
    if (size > largest && size < Infinity) largest = size;
  }
  return { absolute: absolute * largest, relative };
}
