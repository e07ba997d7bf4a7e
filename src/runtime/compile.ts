// compile(): traces a function once and turns its graph into a plan that a device replays.

import type { Device, Plan, Progress, Step } from '../backends/device.ts';
import type { TensorData } from '../core/dtype.ts';
import { topologicalOrder } from '../core/graph.ts';
import type { KernelCall, Variant } from '../core/op.ts';
import { Constant, Input, Parameter, Scalar, Tensor, type Node, type TensorSpec } from '../core/tensor.ts';
import { RandomState, trace, type Trace } from '../core/trace.ts';
import { add } from '../ops/binary.ts';
import { fuse } from './fuse.ts';
import { planMemory } from './memory.ts';
import { Program } from './program.ts';
import { schedule } from './schedule.ts';

/** What a compiled function may return: one tensor, or tensors by name. */
export type Outputs = Tensor | Readonly<Record<string, Tensor>>;

/** The values that a run gives for a function's outputs. */
export type OutputValues<O extends Outputs> = O extends Tensor ? TensorData : { readonly [K in keyof O]: TensorData };

/** Tensors by name, made from specs by name. */
type InputTensors<S extends Readonly<Record<string, TensorSpec>>> = { readonly [K in keyof S]: Tensor };

export interface CompileOptions {
  /** Called as GPU pipelines become ready. */
  readonly onProgress?: Progress;
  /** Where random ops draw from. By default numbers of a fixed seed. */
  readonly random?: RandomState;
  /** False keeps each op a kernel of its own, so that every intermediate can be looked at. */
  readonly fuse?: boolean;
}

/**
 * Compiles `fn` for `device`. `fn` is called once, with symbolic tensors of the given specs; what it returns are the
 * program's outputs, and what it assigns (as optimizers do) is updated in place on every run.
 */
export async function compile<S extends Readonly<Record<string, TensorSpec>>, O extends Outputs>(
  device: Device,
  fn: (inputs: InputTensors<S>) => O,
  specs: S,
  { onProgress, random = new RandomState(0), fuse: fused = true }: CompileOptions = {},
): Promise<Program<S, O>> {
  const inputs = Object.entries(specs).map(([name, spec]) => new Input(name, spec));
  const { result, trace: recorded } = trace(
    () => fn(Object.fromEntries(inputs.map((input) => [input.name, input as Tensor])) as InputTensors<S>),
    random,
  );
  if (recorded.draws > 0) recorded.updates.push({ parameter: random.run, value: add(random.run, 1) });
  const outputs = result instanceof Tensor ? [result] : Object.values(result);
  const plan = makePlan(device, inputs, outputs, recorded, fused);
  return new Program(await device.load(plan, onProgress), plan, result);
}

function makePlan(device: Device, inputs: Input[], outputs: Tensor[], { updates }: Trace, fused: boolean): Plan {
  const values = updates.map(({ value }) => value);
  const order = topologicalOrder([...outputs, ...values]);
  const leaves = new Set([...outputs, ...values, ...order.flatMap((node) => node.inputs)].filter(({ node }) => !node));
  const leavesOf = <T extends Tensor>(type: new (...args: never[]) => T) =>
    [...leaves].filter((leaf) => leaf instanceof type) as T[];
  const missing = leavesOf(Input).find((input) => !inputs.includes(input));
  if (missing) throw new Error(`compile: the function uses input "${missing.name}" of another program.`);

  const { capabilities } = device;
  let nodes = order;
  if (capabilities) {
    // On a GPU elementwise ops run as fused nodes, even one alone; views are no work at all.
    const roots = new Set(order.filter((node) => node.op.gpu === 'view').flatMap((node) => node.inputs));
    for (const tensor of [...outputs, ...values]) roots.add(tensor);
    const everything = new Set(order.flatMap((node) => node.outputs));
    nodes = fuse(order, fused ? roots : everything, fused ? capabilities.maxStorageBuffersPerShaderStage : 0);
  }
  const scheduled = schedule(nodes, outputs, values);
  const work = capabilities ? scheduled.filter((node) => node.op.gpu !== 'view') : scheduled;

  const callOf = (node: Node): KernelCall<object> => ({
    inputs: node.inputs,
    outputs: node.outputs,
    attrs: node.attrs,
    capabilities: capabilities!,
  });
  const variantOf = (node: Node, call: KernelCall<object>) =>
    (node.op.gpu as (call: KernelCall<object>) => Variant[])(call)[0];
  const placed = work.map((node) => {
    const scratch = capabilities ? (variantOf(node, callOf(node)).scratch ?? []) : [];
    return { node, scratch: scratch.map(({ shape, dtype }) => new Tensor(shape, dtype)) };
  });
  const { memory, aliases } = planMemory(placed, outputs, updates);
  const steps = placed.map(({ node, scratch }): Step => {
    const kernels = capabilities ? variantOf(node, { ...callOf(node), aliases: aliases.get(node) }).kernels : [];
    return { op: node.op, attrs: node.attrs, inputs: node.inputs, outputs: node.outputs, kernels, scratch };
  });
  return {
    steps,
    inputs,
    constants: leavesOf(Constant),
    scalars: leavesOf(Scalar),
    parameters: [...new Set([...leavesOf(Parameter), ...updates.map(({ parameter }) => parameter)])],
    outputs,
    updates,
    memory,
  };
}
