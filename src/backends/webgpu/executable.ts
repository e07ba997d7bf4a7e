// A plan on a GPU: everything is made once, and a run replays the dispatches in one pass and one submission.

import type { Executable, Plan, Progress, Step, Storage, Timing } from '../device.ts';
import type { TypedArray } from '../../core/dtype.ts';
import { toFloat16 } from '../../core/float16.ts';
import { bytesPerBoundElement, type Binding, type Kernel } from '../../core/kernel.ts';
import { Input, Parameter, Scalar, type Tensor } from '../../core/tensor.ts';
import { ArgumentBuffer } from './argument-buffer.ts';
import { byteLength, createBuffer, createStorage, upload } from './buffers.ts';
import type { ParameterStore } from './parameter-store.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import type { Readback, Source } from './readback.ts';
import { Timestamps } from './timestamps.ts';

/** What the executable uses of its device. */
export interface Host {
  readonly device: GPUDevice;
  readonly parameters: ParameterStore;
  readonly pipelines: PipelineCache;
  readonly readback: Readback;
  /** Throws if the device was lost or has reported an error. */
  check(): void;
  /** Awaits GPU work, then throws as \`check\` does: a lost device says so, whatever the work itself complained of. */
  guard<T>(work: Promise<T>): Promise<T>;
}

interface Dispatch {
  /** Where its step stands in the plan. */
  readonly step: number;
  readonly kernel: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Records a pass of `dispatches`. Each call costs the host about a microsecond, and neighbours may share a pipeline. */
function recordPass(
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
  descriptor?: GPUComputePassDescriptor,
): void {
  const pass = encoder.beginComputePass(descriptor);
  let current: GPUComputePipeline | null = null;
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    if (pipeline !== current) pass.setPipeline((current = pipeline));
    pass.setBindGroup(0, bindGroup);
    if (workgroups[1] === 1 && workgroups[2] === 1) pass.dispatchWorkgroups(workgroups[0]);
    else pass.dispatchWorkgroups(...workgroups);
  }
  pass.end();
}

/** Loads `plan`: makes its buffers and bind groups, and compiles its pipelines all at once. */
export async function loadExecutable(host: Host, plan: Plan, onProgress?: Progress): Promise<Executable> {
  const buffers = new ProgramBuffers(host, plan);
  try {
    const work = plan.steps.flatMap((step, at) =>
      step.kernels.filter((kernel) => !isEmpty(step, kernel)).map((kernel) => ({ step, at, kernel })),
    );
    const pipelines = await host.pipelines.getAll(
      work.map(({ kernel }) => kernel),
      onProgress,
    );
    const dispatches = work.map(({ step, at, kernel }, i) => ({
      step: at,
      kernel: kernel.name,
      pipeline: pipelines[i],
      bindGroup: makeBindGroup(host.device, pipelines[i], step, kernel, buffers),
      workgroups: kernel.workgroups,
    }));
    return new GpuExecutable(host, plan, buffers, dispatches);
  } catch (error) {
    buffers.dispose();
    throw error;
  }
}

const isEmpty = ({ outputs }: Step, { workgroups }: Kernel): boolean =>
  workgroups.includes(0) || outputs.every((output) => output.size === 0);

function makeBindGroup(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  { inputs, outputs, scratch }: Step,
  kernel: Kernel,
  buffers: ProgramBuffers,
): GPUBindGroup {
  const bindingsOf = (tensors: readonly Tensor[], bindings: Kernel['inputs']) =>
    bindings.flatMap((binding, i) => (binding ? buffers.bindingsOf(tensors[i], binding) : []));
  const bound = [...bindingsOf([...inputs, ...scratch], kernel.inputs), ...bindingsOf(outputs, kernel.outputs)];
  return device.createBindGroup({
    label: kernel.name,
    layout: pipeline.getBindGroupLayout(0),
    entries: [...bound, ...buffers.arguments.bindingsOf(kernel)].map((resource, binding) => ({ binding, resource })),
  });
}

/** Distance between scalars in their buffer: WebGPU's alignment of a binding's offset. */
const SCALAR_STRIDE = 256;

/** The buffers of one program: its pool, its inputs, small ones of scalars and arguments, its share of the parameters. */
class ProgramBuffers {
  readonly arguments: ArgumentBuffer;
  readonly #plan: Plan;
  readonly #host: Host;
  readonly #pool: readonly GPUBuffer[];
  readonly #leaves = new Map<Tensor, GPUBuffer>();
  readonly #scalars: GPUBuffer;
  /** What the scalars' buffer holds. */
  readonly #scalarValues: DataView<ArrayBuffer>;

  constructor(host: Host, plan: Plan) {
    this.#host = host;
    this.#plan = plan;
    this.arguments = new ArgumentBuffer(
      host.device,
      plan.steps.flatMap(({ kernels }) => kernels),
    );
    this.#pool = plan.memory.pool.map((bytes, i) => createStorage(host.device, `pool ${i}`, bytes));
    this.#scalarValues = new DataView(new ArrayBuffer(Math.max(1, plan.scalars.length) * SCALAR_STRIDE));
    this.#scalars = createStorage(host.device, 'scalars', this.#scalarValues.byteLength);
    for (const leaf of [...plan.inputs, ...plan.constants]) {
      this.#leaves.set(
        leaf,
        createBuffer(host.device, leaf instanceof Input ? `input ${leaf.name}` : 'constant', leaf),
      );
    }
    for (const constant of plan.constants) upload(host.device, this.#leaves.get(constant)!, constant.data);
    for (const parameter of plan.parameters) this.#leaves.set(parameter, host.parameters.acquire(parameter));
  }

  /** The buffer in which `tensor` lies. */
  of(tensor: Tensor): GPUBuffer {
    let root = tensor;
    while (root.node?.op.gpu === 'view') root = root.node.inputs[0];
    const place: Storage = this.#plan.memory.storage.get(root) ?? { leaf: root };
    return 'pool' in place ? this.#pool[place.pool] : this.#leaves.get(place.leaf)!;
  }

  /** `tensor` as a kernel is bound to it: once, or once for each window. */
  bindingsOf(tensor: Tensor, { type, windows }: Binding): GPUBufferBinding[] {
    if (tensor instanceof Scalar) {
      return [{ buffer: this.#scalars, offset: this.#plan.scalars.indexOf(tensor) * SCALAR_STRIDE, size: 16 }];
    }
    const buffer = this.of(tensor);
    // A tensor may lie in a buffer that is larger than itself.
    if (!windows)
      return [{ buffer, size: Math.min(buffer.size, this.#host.device.limits.maxStorageBufferBindingSize) }];
    const bytes = byteLength(tensor);
    const size = windows.elements * bytesPerBoundElement[type];
    return Array.from({ length: windows.count }, (_, i) => ({
      buffer,
      offset: i * size,
      size: Math.min(size, bytes - i * size),
    }));
  }

  /** Brings the scalars' buffer up to date; writes nothing when none has changed. */
  writeScalars(): void {
    let changed = false;
    this.#plan.scalars.forEach(({ value, dtype }, i) => {
      const at = i * SCALAR_STRIDE;
      const before = this.#scalarValues.getUint32(at, true);
      if (dtype === 'f32') this.#scalarValues.setFloat32(at, value, true);
      else if (dtype === 'f16') this.#scalarValues.setUint16(at, toFloat16(value), true);
      else this.#scalarValues.setInt32(at, value, true);
      changed ||= this.#scalarValues.getUint32(at, true) !== before;
    });
    if (changed) this.#host.device.queue.writeBuffer(this.#scalars, 0, this.#scalarValues.buffer);
  }

  dispose(): void {
    this.#scalars.destroy();
    this.arguments.dispose();
    for (const buffer of this.#pool) buffer.destroy();
    for (const [leaf, buffer] of this.#leaves) if (!(leaf instanceof Parameter)) buffer.destroy();
    for (const parameter of this.#plan.parameters) this.#host.parameters.release(parameter);
  }
}

class GpuExecutable implements Executable {
  readonly #host: Host;
  readonly #plan: Plan;
  readonly #buffers: ProgramBuffers;
  readonly #dispatches: readonly Dispatch[];
  readonly #copies: readonly { readonly from: GPUBuffer; readonly to: GPUBuffer }[];

  constructor(host: Host, plan: Plan, buffers: ProgramBuffers, dispatches: readonly Dispatch[]) {
    this.#host = host;
    this.#plan = plan;
    this.#buffers = buffers;
    this.#dispatches = dispatches;
    this.#copies = plan.updates
      .map(({ parameter, value }) => ({ from: buffers.of(value), to: buffers.of(parameter) }))
      .filter(({ from, to }) => from !== to);
  }

  async run(inputs: ReadonlyMap<Input, TypedArray>, wanted: readonly Tensor[]): Promise<TypedArray[]> {
    const { device, readback } = this.#host;
    const refreshing = this.#refresh();
    if (refreshing) await refreshing;
    this.#write(inputs);
    const encoder = device.createCommandEncoder();
    recordPass(encoder, this.#dispatches);
    const sources = wanted.map((tensor): Source => [tensor, this.#buffers.of(tensor)]);
    const read = sources.length > 0 ? readback.record(encoder, sources) : null;
    this.#finish(encoder);
    return read ? this.#host.guard(read()) : [];
  }

  finished(): Promise<void> {
    return this.#host.guard(this.#host.device.queue.onSubmittedWorkDone().then(() => {}));
  }

  async time(inputs: ReadonlyMap<Input, TypedArray>, repeats: number): Promise<Timing> {
    const { device } = this.#host;
    await this.#refresh();
    this.#write(inputs);
    const clock = device.features.has('timestamp-query') ? 'gpu' : 'host';
    const nanoseconds = await this.#host.guard(clock === 'gpu' ? this.#timeOnGpu(repeats) : this.#timeOnHost(repeats));
    const dispatches = this.#dispatches.map(({ step, kernel }, i) => ({
      step,
      kernel,
      milliseconds: nanoseconds[i] / 1e6 / repeats,
    }));
    return { clock, dispatches };
  }

  async #timeOnGpu(repeats: number): Promise<number[]> {
    const { device } = this.#host;
    const timestamps = new Timestamps(device, this.#dispatches.length);
    const encoder = device.createCommandEncoder();
    this.#dispatches.forEach((dispatch, i) => {
      recordPass(encoder, Array<Dispatch>(repeats).fill(dispatch), timestamps.pass(i));
    });
    const read = timestamps.record(encoder);
    this.#finish(encoder);
    return read();
  }

  async #timeOnHost(repeats: number): Promise<number[]> {
    const { queue } = this.#host.device;
    const nanoseconds: number[] = [];
    await queue.onSubmittedWorkDone();
    for (const dispatch of this.#dispatches) {
      const encoder = this.#host.device.createCommandEncoder();
      recordPass(encoder, Array<Dispatch>(repeats).fill(dispatch));
      const start = performance.now();
      queue.submit([encoder.finish()]);
      await queue.onSubmittedWorkDone();
      nanoseconds.push((performance.now() - start) * 1e6);
    }
    this.#finish(this.#host.device.createCommandEncoder());
    return nanoseconds;
  }

  /** Brings parameters up to date: at once, unless values must come from another device. */
  #refresh(): Promise<void> | undefined {
    this.#host.check();
    for (const parameter of this.#plan.parameters) {
      const refreshed = this.#host.parameters.refresh(parameter);
      if (refreshed) return refreshed.then(() => this.#refresh());
    }
    return undefined;
  }

  /** Writes what this run is given. From here to the submission there is no pause: runs may overlap. */
  #write(inputs: ReadonlyMap<Input, TypedArray>): void {
    const { device } = this.#host;
    for (const [input, values] of inputs) upload(device, this.#buffers.of(input), values);
    this.#buffers.writeScalars();
  }

  /** Copies updates to their parameters and submits. */
  #finish(encoder: GPUCommandEncoder): void {
    for (const { from, to } of this.#copies) encoder.copyBufferToBuffer(from, 0, to, 0, to.size);
    this.#host.device.queue.submit([encoder.finish()]);
    for (const { parameter } of this.#plan.updates) this.#host.parameters.changed(parameter);
  }

  dispose(): void {
    this.#buffers.dispose();
  }
}
