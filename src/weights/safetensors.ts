// Reads the safetensors format, used for weights and checkpoints and to exchange them with PyTorch.

import type { DType, TensorData } from '../core/dtype.ts';
import type { ByteSource } from './byte-source.ts';
import { readHeader, readHeaderOf, safetensorsError, type HeaderEntry } from './safetensors-header.ts';
import { convert } from './stored-type.ts';
import { entryOf, quoteName, type WeightSource } from './weight-source.ts';

/** The content of a safetensors file. */
export interface Safetensors {
  /** The tensors by name, in the order of their data in the file. */
  tensors: Map<string, TensorData>;
  /** Free text about the file: the header's `__metadata__`. */
  metadata: Record<string, string>;
}

/**
 * Reads a safetensors file (https://github.com/huggingface/safetensors#format). The tensors own their memory.
 * Types without a dtype of their own are converted: BF16 and F64 to f32, signed integers (PyTorch's counters and class
 * labels are I64) to i32 and unsigned ones to u32, if the values fit.
 * @throws an Error that names the tensor at fault: for a truncated or corrupt file, wrong sizes in the header, and
 *   unsupported types (F8 and types of fewer than 8 bits).
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { entries, metadata } = readHeader(bytes);
  const tensors = new Map<string, TensorData>();
  for (const entry of entries) {
    tensors.set(entry.name, tensorOf(bytes.subarray(entry.begin, entry.end), entry, entry.dtype));
  }
  return { tensors, metadata };
}

/** A safetensors file of any size as a source; reads only the header. @throws the errors of `readSafetensors`. */
export async function safetensorsSource(file: ByteSource): Promise<WeightSource> {
  const header = await readHeaderOf(file).catch((cause: Error) => {
    throw new Error(`${file.name}: ${cause.message}`, { cause });
  });
  const source = {
    name: file.name,
    format: 'safetensors',
    entries: new Map(header.entries.map((entry) => [entry.name, entry])),
    metadata: header.metadata,
    async read(name: string, dtype?: DType, signal?: AbortSignal) {
      const entry = entryOf(source, name);
      const bytes = await file.read(entry.begin, entry.end, signal);
      return tensorOf(bytes, entry, dtype ?? entry.dtype);
    },
    close: async () => file.close?.(),
  };
  return source;
}

function tensorOf(bytes: Uint8Array, { name, stored, shape }: HeaderEntry, dtype: DType): TensorData {
  const fail = (problem: string) => safetensorsError(`tensor ${quoteName(name)} ${problem}`);
  return { dtype, shape, data: convert(bytes, stored, dtype, fail) };
}
