// compile(): traces a function once and turns its graph into a plan that a device replays.

import type { Device, LoadOptions, Plan } from '../backends/device.ts';
import { topologicalOrder } from '../core/graph.ts';
import { bindingsFor } from '../core/kernel.ts';
import { Parameter } from '../core/parameter.ts';
import { Constant, Input, Scalar, Tensor, type Node, type TensorSpec } from '../core/tensor.ts';
import { RandomState, trace, type Update } from '../core/trace.ts';
import { add } from '../ops/elementwise/binary.ts';
import { detach } from '../ops/elementwise/detach.ts';
import type { Arena } from '../core/arena.ts';
import { checkInputs, checkOutputs } from './check.ts';
import { misfits } from './fit.ts';
import { fuse } from './fuse.ts';
import { lower, type ChooseVariant } from './lower.ts';
import { bytesOf, viewedTensor } from './memory.ts';
import { mergeUpdates } from './merge-updates.ts';
import { Program, type Outputs } from './program.ts';
import { schedule } from './schedule.ts';
import { simplify } from './simplify.ts';
import { tunedChoice } from './tuning.ts';

/** A tensor for each named spec. */
type InputTensors<S extends Readonly<Record<string, TensorSpec>>> = { readonly [K in keyof S]: Tensor };

export interface CompileOptions extends LoadOptions {
  /** Compiles layers for training: dropout drops, batch norms use the batch's statistics. False by default. */
  readonly training?: boolean;
  /** What random ops draw from; by default a state with a fixed seed. */
  readonly random?: RandomState;
  /** False gives each op a kernel of its own, so that every intermediate can be inspected. */
  readonly fuse?: boolean;
  /** Picks among an op's kernel variants; by default the one in the device's tuning table, else the first in its record. */
  readonly chooseVariant?: ChooseVariant;
}

/**
 * Compiles `fn` for `device`. `fn` is called once, with symbolic tensors of the given specs; the tensors that it
 * returns are the program's outputs, and parameters that it assigns (as optimizers do) are updated in place on every run.
 */
export async function compile<S extends Readonly<Record<string, TensorSpec>>, O extends Outputs<O>>(
  device: Device,
  fn: (inputs: InputTensors<S>) => O,
  specs: S,
  options: CompileOptions = {},
): Promise<Program<S, O>> {
  checkInputs(specs);
  const inputs = Object.entries(specs).map(([name, spec]) => new Input(name, spec));
  const random = options.random ?? new RandomState(0);
  const { result: returned, trace: recorded } = trace(
    () => fn(Object.fromEntries(inputs.map((input) => [input.name, input as Tensor])) as InputTensors<S>),
    random,
    options.training,
  );
  checkOutputs(returned);
  if (recorded.draws > 0) recorded.updates.set(random.run, add(random.run, 1));
  const roots: Tensor[] = returned instanceof Tensor ? [returned] : Object.values(returned);
  const wanted = [...roots, ...recorded.updates.values()];
  // The CPU reference computes the graph as written.
  const simplified = device.capabilities && options.fuse !== false ? simplify(wanted) : (tensor: Tensor) => tensor;
  const output = (tensor: Tensor) => readable(simplified(tensor));
  const result = (
    returned instanceof Tensor
      ? output(returned)
      : Object.fromEntries(Object.entries<Tensor>(returned).map(([name, tensor]) => [name, output(tensor)]))
  ) as O;
  const outputs: Tensor[] = result instanceof Tensor ? [result] : Object.values(result);
  const updates = [...recorded.updates].map(([parameter, value]) => ({ parameter, value: lasting(simplified(value)) }));
  const plan = makePlan(device, inputs, outputs, updates, options);
  const own = options.random ? [] : [random.seed, random.run];
  return new Program(await device.load(plan, options), plan, result, own, recorded.checks);
}

/** A tensor that can be read back after a run: scalars share one buffer, so they are copied out of it. */
const readable = (output: Tensor): Tensor => (viewedTensor(output) instanceof Scalar ? detach(output) : output);

/** An update's value in memory of its own: a leaf may be overwritten first, as when two parameters are swapped. */
const lasting = (value: Tensor): Tensor => (viewedTensor(value).node ? value : detach(value));

function makePlan(
  device: Device,
  inputs: Input[],
  outputs: Tensor[],
  updates: readonly Update[],
  { fuse: fused = true, chooseVariant = tunedChoice(device) }: CompileOptions,
): Plan {
  const { capabilities } = device;
  const values = updates.map(({ value }) => value);
  const order = topologicalOrder([...outputs, ...values]);
  const leaves = new Set([...outputs, ...values, ...order.flatMap((node) => node.inputs)].filter(({ node }) => !node));
  const leavesOf = <T extends Tensor>(type: new (...args: never[]) => T) =>
    [...leaves].filter((leaf) => leaf instanceof type) as T[];
  const missing = leavesOf(Input).find((input) => !inputs.includes(input));
  if (missing)
    throw new Error(`compile: the function uses input "${missing.name}" of another program; add it to the specs.`);

  const half =
    capabilities &&
    !capabilities.f16 &&
    [...leaves, ...order.flatMap((node) => node.outputs)].find(({ dtype }) => dtype === 'f16');
  if (half)
    throw new Error(`compile: ${half} is f16, which this GPU does not support; use f32, or open the device 'cpu'.`);

  let nodes: readonly Node[] = order;
  let arenas: readonly Arena[] = [];
  if (capabilities) {
    // On a GPU elementwise ops run as fused nodes, even single ones; views do not run at all.
    const isView = (node: Node) => node.op.kind === 'view';
    const needed = new Set([...outputs, ...values, ...order.filter(isView).flatMap((node) => node.inputs)]);
    const everything = new Set(order.flatMap((node) => node.outputs));
    const countBindings = (tensor: Tensor) => bindingsFor(bytesOf(tensor), capabilities);
    const most = fused ? capabilities.maxStorageBuffersPerShaderStage : 0;
    nodes = fuse(order, fused ? needed : everything, most, countBindings);
    nodes = schedule(nodes, outputs, values).filter((node) => !isView(node));
    if (fused) ({ nodes, arenas } = mergeUpdates(nodes, outputs, updates, capabilities));
  }
  const plan: Plan = {
    ...lower(nodes, outputs, updates, capabilities, chooseVariant),
    inputs,
    constants: leavesOf(Constant),
    scalars: leavesOf(Scalar),
    parameters: [...new Set([...leavesOf(Parameter), ...updates.map(({ parameter }) => parameter)])],
    arenas,
    outputs,
    updates,
  };
  const lacking = capabilities ? misfits(plan, capabilities) : [];
  if (lacking.length > 0) {
    throw new Error(
      `compile: this GPU cannot run the program:\n  ${lacking.join('\n  ')}\nUse a smaller batch or model, or open the device 'cpu'.`,
    );
  }
  return plan;
}
