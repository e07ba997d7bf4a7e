// Saves a model's weights with PyTorch's names and types, one tensor at a time.

import { convertFloats, isFloat, type DType, type TensorData } from '../core/dtype.ts';
import type { Module } from '../nn/module.ts';
import { encodeHeader, encodeTensor } from './safetensors-writer.ts';
import { storedAs, type StoredType } from './stored-type.ts';
import { quoteName } from './weight-source.ts';

/** How weights are saved. */
export interface SaveOptions {
  /** The dtype of all floats in the file (default: each parameter's own). */
  readonly dtype?: 'f32' | 'f16';
  /** Metadata to save with them, such as a config. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Maps the model's names to the file's, for programs that expect different names. */
  readonly rename?: (name: string) => string;
}

/** What can be saved: a model, or tensors by name. */
export type Savable = Module | ReadonlyMap<string, TensorData>;

/**
 * A safetensors file, in chunks: each tensor is read from its device only when it is written. Names, shapes and types are
 * PyTorch's, whose integer buffers are I64; tied weights are written under every name.
 * @throws an Error if two tensors would share a name, or f16 cannot represent a value.
 */
export async function* encodeWeights(
  savable: Savable,
  options: SaveOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { dtype: wanted, metadata = {}, rename = (name) => name } = options;
  const state = savable instanceof Map ? (savable as ReadonlyMap<string, TensorData>) : (savable as Module).state();
  const typeOf = (dtype: DType): DType => (wanted && isFloat(dtype) ? wanted : dtype);
  const storedOf = (dtype: DType): StoredType => (dtype === 'i32' ? 'I64' : storedAs[typeOf(dtype)]);
  const names = new Map<string, string>();
  for (const name of state.keys()) {
    const other = names.get(rename(name));
    if (other)
      throw new Error(`${quoteName(other)} and ${quoteName(name)} would both be saved as ${quoteName(rename(name))}.`);
    names.set(rename(name), name);
  }
  const specs = [...names].map(([name, own]) => {
    const { dtype, shape } = state.get(own)!;
    return { name, stored: storedOf(dtype), shape };
  });
  // transformers rejects files without this format.
  const { header, order } = encodeHeader(specs, { format: 'pt', ...metadata });
  yield header;
  for (const { name, stored } of order) {
    const one = state.get(names.get(name)!)!;
    const values = 'read' in one ? await one.read() : one;
    const converted = convertFloats(values, typeOf(values.dtype));
    if (converted.dtype === 'f16' && values.dtype === 'f32') checkRange(name, values, converted);
    yield encodeTensor(name, converted, stored);
  }
}

/** A model's weights, or tensors, as a safetensors Blob, which may exceed an array's maximum size. */
export async function saveWeights(savable: Savable, options?: SaveOptions): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of encodeWeights(savable, options)) parts.push(part);
  return new Blob(parts, { type: 'application/octet-stream' });
}

function checkRange(name: string, { data }: TensorData, half: TensorData): void {
  const lost = half.data.findIndex((bits, i) => (bits & 0x7fff) === 0x7c00 && Number.isFinite(data[i]));
  if (lost < 0) return;
  throw new Error(`${quoteName(name)} holds ${data[lost]}, but f16 ends at 65504. Save these weights as f32.`);
}
