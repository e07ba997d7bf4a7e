// A plan on a GPU: everything is made once, and a run replays the dispatches in one pass and one submission.

import type { Executable, Plan, Progress, Step, Storage } from '../device.ts';
import type { TypedArray } from '../../core/dtype.ts';
import { toFloat16 } from '../../core/float16.ts';
import { bytesPerBoundElement, type Binding, type Kernel } from '../../core/kernel.ts';
import { Input, Parameter, Scalar, type Tensor } from '../../core/tensor.ts';
import { ArgumentBuffer } from './argument-buffer.ts';
import { byteLength, createBuffer, createStorage, upload } from './buffers.ts';
import type { ParameterStore } from './parameter-store.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import type { Readback, Source } from './readback.ts';

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
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Loads `plan`: makes its buffers and bind groups, and compiles its pipelines all at once. */
export async function loadExecutable(host: Host, plan: Plan, onProgress?: Progress): Promise<Executable> {
  const buffers = new ProgramBuffers(host, plan);
  try {
    const work = plan.steps.flatMap((step) => step.kernels.map((kernel) => ({ step, kernel })));
    const pipelines = await host.pipelines.getAll(
      work.map(({ kernel }) => kernel),
      onProgress,
    );
    const dispatches = work
      .map(({ step, kernel }, i) => makeDispatch(host.device, pipelines[i], step, kernel, buffers))
      .filter((dispatch) => dispatch !== null);
    return new GpuExecutable(host, plan, buffers, dispatches);
  } catch (error) {
    buffers.dispose();
    throw error;
  }
}

function makeDispatch(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  { inputs, outputs, scratch }: Step,
  kernel: Kernel,
  buffers: ProgramBuffers,
): Dispatch | null {
  if (kernel.workgroups.includes(0) || outputs.every((output) => output.size === 0)) return null;
  const bindingsOf = (tensors: readonly Tensor[], bindings: Kernel['inputs']) =>
    bindings.flatMap((binding, i) => (binding ? buffers.bindingsOf(tensors[i], binding) : []));
  const bound = [...bindingsOf([...inputs, ...scratch], kernel.inputs), ...bindingsOf(outputs, kernel.outputs)];
  const bindGroup = device.createBindGroup({
    label: kernel.name,
    layout: pipeline.getBindGroupLayout(0),
    entries: [...bound, ...buffers.arguments.bindingsOf(kernel)].map((resource, binding) => ({ binding, resource })),
  });
  return { pipeline, bindGroup, workgroups: kernel.workgroups };
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
    const { device, parameters, readback } = this.#host;
    this.#host.check();
    for (const parameter of this.#plan.parameters) {
      const refreshed = parameters.refresh(parameter);
      if (refreshed) await refreshed;
    }
    for (const [input, values] of inputs) upload(device, this.#buffers.of(input), values);
    this.#buffers.writeScalars();

    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, bindGroup, workgroups } of this.#dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    const sources = wanted.map((tensor): Source => [tensor, this.#buffers.of(tensor)]);
    const read = sources.length > 0 ? readback.record(encoder, sources) : null;
    for (const { from, to } of this.#copies) encoder.copyBufferToBuffer(from, 0, to, 0, to.size);
    device.queue.submit([encoder.finish()]);
    for (const { parameter } of this.#plan.updates) parameters.changed(parameter);
    if (!read) return [];
    return this.#host.guard(read());
  }

  dispose(): void {
    this.#buffers.dispose();
  }
}
