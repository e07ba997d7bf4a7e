// A PyTorch file's tensors as a source: finds the dict that holds them and reads strided views of storages.

import type { DType } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import { convert, storedTypes } from './stored-type.ts';
import { TorchTensor } from './torch-pickle.ts';
import { entryOf, quoteName, type WeightEntry, type WeightSource } from './weight-source.ts';

/** Reads bytes `begin` to `end` of the storage `key`. */
export type ReadStorage = (key: string, begin: number, end: number, signal?: AbortSignal) => Promise<Uint8Array>;

/** Keys under which training code stores a model's tensors, averaged weights first, as those are what authors publish. */
const MODEL_KEYS = [
  'g_ema', 'params_ema', 'ema_state_dict', 'state_dict', 'model_state_dict', 'model', 'module', 'params', 'net', 'weights',
]; // prettier-ignore

/** Tensors by name, and the path of the dict that held them. */
interface Found {
  readonly tensors: Map<string, TorchTensor>;
  readonly path: string;
}

/**
 * A PyTorch file's content as a source.
 * @param within the key of the dict that holds the tensors, such as `g_ema` or `state.model`, if there are several.
 * @throws an Error that lists the available keys if `within` does not exist; an Error if there is no tensor.
 */
export function torchSource(
  name: string,
  format: string,
  root: unknown,
  readStorage: ReadStorage,
  close: () => Promise<void>,
  within?: string,
): WeightSource {
  const { tensors, path } = within === undefined ? findTensors(root, '') : descend(name, root, within);
  if (tensors.size === 0) throw new Error(`${name} holds no tensors.`);
  const entries = new Map<string, WeightEntry & { readonly tensor: TorchTensor }>();
  for (const [key, tensor] of tensors) {
    const { storage, type, offset, shape, strides } = tensor;
    const memory = `${storage.key}+${storage.offset + offset}:${strides.join()}:${shape.join()}`;
    entries.set(key, { stored: type, dtype: storedTypes[type].dtype, shape, memory, tensor });
  }
  const source = {
    name,
    format,
    entries,
    metadata: (path ? { within: path } : {}) as Record<string, string>,
    async read(key: string, dtype?: DType, signal?: AbortSignal) {
      const { tensor, stored, shape, dtype: own } = entryOf(source, key);
      const fail = (problem: string) => new Error(`${name}: tensor ${quoteName(key)} ${problem}`);
      const bytes = await readTensor(tensor, readStorage, fail, signal);
      return { dtype: dtype ?? own, shape, data: convert(bytes, stored, dtype ?? own, fail) };
    },
    close,
  };
  return source;
}

function findTensors(value: unknown, path: string): Found {
  if (value instanceof TorchTensor) return { tensors: new Map([['tensor', value]]), path };
  if (value instanceof Map) {
    const hasOwn = [...value.values()].some((item) => item instanceof TorchTensor);
    for (const key of hasOwn ? [] : MODEL_KEYS) {
      if (!(value.get(key) instanceof Map)) continue;
      const found = findTensors(value.get(key), path ? `${path}.${key}` : key);
      if (found.tensors.size > 0) return found;
    }
  }
  return { tensors: flatten(value), path };
}

function descend(name: string, root: unknown, within: string): Found {
  let value: unknown = root;
  for (const key of within.split('.')) {
    const next: unknown = value instanceof Map ? value.get(key) : Array.isArray(value) ? value[Number(key)] : undefined;
    if (next === undefined) {
      const keys = value instanceof Map ? [...value.keys()].slice(0, 20).map(String).join(', ') : 'none';
      throw new Error(`${name} has no "${key}" (of "${within}"). Available keys: ${keys}.`);
    }
    value = next;
  }
  return { tensors: flatten(value), path: within };
}

/** Tensors in nested containers, named by the path of their keys, like a module's parameters. */
function flatten(root: unknown): Map<string, TorchTensor> {
  const found = new Map<string, TorchTensor>();
  const seen = new Set<unknown>();
  const visit = (value: unknown, path: string) => {
    if (value instanceof TorchTensor) found.set(path || 'tensor', value);
    // A container may contain itself.
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    const items = value instanceof Map ? value : Array.isArray(value) ? value.entries() : [];
    seen.add(value);
    for (const [key, item] of items) visit(item, path ? `${path}.${String(key)}` : String(key));
    seen.delete(value);
  };
  visit(root, '');
  return found;
}

async function readTensor(
  { storage, type, offset, shape, strides }: TorchTensor,
  readStorage: ReadStorage,
  fail: (problem: string) => Error,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const width = storedTypes[type].bytes;
  const count = sizeOf(shape);
  if (count === 0) return new Uint8Array(0);
  const span = shape.reduce((sum, dim, i) => sum + (dim - 1) * strides[i], 1);
  const length = storage.type ? storage.length : Math.floor(storage.length / width);
  if (!Number.isSafeInteger(count) || offset + span > length) {
    throw fail(`should end at element ${offset + span} of its storage, which has ${length}: the file is corrupt.`);
  }
  const begin = (storage.offset + offset) * width;
  const bytes = await readStorage(storage.key, begin, begin + span * width, signal);
  return isContiguous(shape, strides) ? bytes : gather(bytes, width, count, shape, strides);
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i];
  }
  return true;
}

const words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/** A strided tensor's numbers in row-major order. */
function gather(
  bytes: Uint8Array,
  width: number,
  count: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const Words = words[width as keyof typeof words];
  const from = new Words(new Uint8Array(bytes).buffer);
  const to = new Words(count);
  let at = 0;
  const copy = (axis: number, start: number) => {
    if (axis === shape.length) {
      to[at++] = from[start];
      return;
    }
    for (let i = 0; i < shape[axis]; i++) copy(axis + 1, start + i * strides[axis]);
  };
  copy(0, 0);
  return new Uint8Array(to.buffer);
}
