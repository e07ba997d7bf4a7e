// The stored tensors of an ONNX model, whose sizes are known before they are read, and the separate weights file.

import type { OnnxType } from '../core/onnx.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import { elementTypes, type Initializer } from './record.ts';

/** Bytes per number in ONNX: a bool takes one. */
const bytesOf: Readonly<Record<OnnxType, number>> = { f32: 4, f16: 2, f64: 8, i32: 4, u32: 4, i64: 8, bool: 1 };

/** An initializer, read only when it is written. */
export interface StoredTensor {
  readonly name: string;
  readonly dims: Shape;
  readonly dataType: number;
  /** Bytes. */
  readonly size: number;
  read(): Promise<Uint8Array>;
}

export function storedTensor(name: string, initializer: Initializer): StoredTensor {
  const stored = (type: OnnxType, dims: Shape, read: () => Promise<ArrayBufferView>): StoredTensor => ({
    name,
    dims,
    dataType: elementTypes[type],
    size: sizeOf(dims) * bytesOf[type],
    async read() {
      const values = await read();
      return type === 'bool' ? truths(values as Uint32Array) : viewOf(values);
    },
  });
  switch (initializer.kind) {
    case 'parameter': {
      const { parameter } = initializer;
      return stored(parameter.dtype, parameter.shape, async () => (await parameter.read()).data);
    }
    case 'tensor': {
      const { type, shape, data } = initializer;
      return stored(type, shape, async () => data);
    }
    case 'ints':
    case 'range': {
      const numbers = initializer.kind === 'ints' ? initializer.values : [...Array(initializer.count).keys()];
      return stored('i64', [numbers.length], async () => BigInt64Array.from(numbers, BigInt));
    }
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** ONNX stores a bool in one byte. */
const truths = (data: ArrayLike<number>): Uint8Array => Uint8Array.from(data, (value) => Number(value !== 0));

/** Alignment of tensors in the separate file, so that it can be memory-mapped. */
const ALIGNMENT = 4096;

/**
 * The separate weights file, in chunks, so that it may exceed an array's maximum size. Each tensor is read from its device only
 * when it is written: write the file before the model changes.
 */
export class ExternalData implements AsyncIterable<Uint8Array> {
  /** Its required name in the model's folder. */
  readonly name: string;
  readonly #tensors: { readonly at: number; readonly tensor: StoredTensor }[] = [];
  #size = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** The file's size in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Appends a tensor and returns the fields that locate it. */
  add(tensor: StoredTensor): {
    readonly dataLocation: number;
    readonly externalData: { key: string; value: string }[];
  } {
    const at = Math.ceil(this.#size / ALIGNMENT) * ALIGNMENT;
    this.#tensors.push({ at, tensor });
    this.#size = at + tensor.size;
    const entries = { location: this.name, offset: String(at), length: String(tensor.size) };
    return { dataLocation: 1, externalData: Object.entries(entries).map(([key, value]) => ({ key, value })) };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let end = 0;
    for (const { at, tensor } of this.#tensors) {
      if (at > end) yield new Uint8Array(at - end);
      yield await tensor.read();
      end = at + tensor.size;
    }
  }
}
