// The memory of one program on a GPU: its pool, its inputs, small buffers of scalars and arguments, its share of the parameters.

import type { Plan, Storage } from '../device.ts';
import { toFloat16 } from '../../core/float16.ts';
import { bytesPerBoundElement, type Binding } from '../../core/kernel.ts';
import { Parameter } from '../../core/parameter.ts';
import { Input, Scalar, type Tensor } from '../../core/tensor.ts';
import { ArgumentBuffer } from './argument-buffer.ts';
import {
  alignedLength,
  byteLength,
  createBuffer,
  createStorage,
  upload,
  type BufferCopy,
  type Place,
} from './buffers.ts';
import type { ParameterStore } from './parameter-store.ts';

/** Bytes between scalars in their buffer: WebGPU's alignment of binding offsets. */
const SCALAR_STRIDE = 256;

/** The buffers of one program. */
export class ProgramBuffers {
  readonly arguments: ArgumentBuffer;
  readonly #plan: Plan;
  readonly #device: GPUDevice;
  readonly #parameters: ParameterStore;
  readonly #pool: readonly GPUBuffer[];
  readonly #leaves = new Map<Tensor, GPUBuffer>();
  readonly #temporary: GPUBuffer[] = [];
  readonly #scalars: GPUBuffer;
  /** Contents of the scalars' buffer. */
  readonly #scalarValues: DataView<ArrayBuffer>;

  constructor(device: GPUDevice, parameters: ParameterStore, plan: Plan) {
    this.#device = device;
    this.#parameters = parameters;
    this.#plan = plan;
    this.arguments = new ArgumentBuffer(
      device,
      plan.steps.flatMap(({ kernels }) => kernels),
    );
    this.#pool = plan.memory.pool.map((bytes, i) => createStorage(device, `pool ${i}`, bytes));
    this.#scalarValues = new DataView(new ArrayBuffer(Math.max(1, plan.scalars.length) * SCALAR_STRIDE));
    this.#scalars = createStorage(device, 'scalars', this.#scalarValues.byteLength);
    for (const leaf of [...plan.inputs, ...plan.constants]) {
      this.#leaves.set(leaf, createBuffer(device, leaf instanceof Input ? `input ${leaf.name}` : 'constant', leaf));
    }
    for (const constant of plan.constants) upload(device, this.of(constant), constant.data);
    for (const arena of plan.arenas) parameters.layOut(arena);
    for (const parameter of plan.parameters) parameters.acquire(parameter);
  }

  /** Where `tensor` is; valid until parameters move. */
  of(tensor: Tensor): Place {
    let root = tensor;
    while (root.node?.op.kind === 'view') root = root.node.inputs[0];
    const place: Storage = this.#plan.memory.storage.get(root) ?? { leaf: root };
    if ('pool' in place) return { buffer: this.#pool[place.pool], offset: place.offset };
    if (place.leaf instanceof Parameter) return this.#parameters.placeOf(place.leaf);
    return { buffer: this.#leaves.get(place.leaf)!, offset: 0 };
  }

  /** The bindings of `tensor` for a kernel: one, or one per window. */
  bindingsOf(tensor: Tensor, { type, windows }: Binding): Required<GPUBufferBinding>[] {
    if (tensor instanceof Scalar) {
      return [{ buffer: this.#scalars, offset: this.#plan.scalars.indexOf(tensor) * SCALAR_STRIDE, size: 16 }];
    }
    const { buffer, offset } = this.of(tensor);
    // The buffer may be larger than the tensor.
    if (!windows) return [{ buffer, offset, size: Math.min(alignedLength(tensor), buffer.size - offset) }];
    const bytes = byteLength(tensor);
    const size = windows.elements * bytesPerBoundElement[type];
    return Array.from({ length: windows.count }, (_, i) => ({
      buffer,
      offset: offset + i * size,
      size: Math.min(size, bytes - i * size),
    }));
  }

  /** The copies that bring `from`'s values to `to`. */
  copies(from: Tensor, to: Tensor): BufferCopy[] {
    const [source, target, bytes] = [this.of(from), this.of(to), byteLength(to)];
    if (source.buffer !== target.buffer) return [{ from: source, to: target, bytes }];
    if (source.offset === target.offset) return [];
    // WebGPU cannot copy within a buffer.
    const between = this.temporary(bytes);
    return [
      { from: source, to: between, bytes },
      { from: between, to: target, bytes },
    ];
  }

  /** A temporary buffer, freed by the next `dropTemporary` or with the program. */
  temporary(bytes: number): Place {
    const buffer = createStorage(this.#device, 'copy', bytes);
    this.#temporary.push(buffer);
    return { buffer, offset: 0 };
  }

  /** Frees all temporary buffers. */
  dropTemporary(): void {
    for (const buffer of this.#temporary.splice(0)) buffer.destroy();
  }

  /** Updates the scalars' buffer to `values`, one per scalar; writes nothing if none has changed. */
  writeScalars(values: readonly number[]): void {
    let changed = false;
    this.#plan.scalars.forEach(({ dtype }, i) => {
      const value = values[i];
      const at = i * SCALAR_STRIDE;
      const before = this.#scalarValues.getUint32(at, true);
      if (dtype === 'f32') this.#scalarValues.setFloat32(at, value, true);
      else if (dtype === 'f16') this.#scalarValues.setUint16(at, toFloat16(value), true);
      else this.#scalarValues.setInt32(at, value, true);
      changed ||= this.#scalarValues.getUint32(at, true) !== before;
    });
    if (changed) this.#device.queue.writeBuffer(this.#scalars, 0, this.#scalarValues.buffer);
  }

  dispose(): void {
    this.#scalars.destroy();
    this.arguments.dispose();
    for (const buffer of this.#pool) buffer.destroy();
    for (const buffer of this.#leaves.values()) buffer.destroy();
    for (const parameter of this.#plan.parameters) this.#parameters.release(parameter);
    this.dropTemporary();
  }
}
