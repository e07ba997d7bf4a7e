// PyTorch's two file formats: the ZIP archive of 1.6 and later, and the legacy sequence of pickles.

import type { ByteSource } from './byte-source.ts';
import { PickleEnd } from './pickle-cursor.ts';
import { unpickle, type PickleContext } from './pickle.ts';
import { storedTypes } from './stored-type.ts';
import { RefusedClassError, torchContext, type TorchStorage } from './torch-pickle.ts';
import { torchSource } from './torch-source.ts';
import type { WeightSource } from './weight-source.ts';
import { readZipEntry, type ZipEntry } from './zip.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** How much of a legacy file is read first to find its pickles, which come before the data. */
const FIRST_BYTES = 1 << 20;

const explain = (file: ByteSource, cause: unknown, what: string) =>
  new Error(`${file.name} cannot be read as ${what}: ${(cause as Error).message}`, { cause });

/**
 * A PyTorch file of version 1.6 or later.
 * @param entries the archive's directory.
 * @throws an Error that names a disallowed class, or what is missing from the archive.
 */
export async function torchZipSource(
  file: ByteSource,
  entries: ReadonlyMap<string, ZipEntry>,
  pickle: ZipEntry,
  within?: string,
): Promise<WeightSource> {
  const root = pickle.path.slice(0, -'data.pkl'.length);
  const isScript =
    [...entries.keys()].some((path) => path.startsWith(`${root}code/`)) || entries.has(`${root}constants.pkl`);
  if (isScript) {
    throw new Error(
      `${file.name} is a TorchScript archive: a program with its weights. Save only the weights in Python: ` +
        "torch.save(torch.jit.load(FILE, map_location='cpu').state_dict(), 'weights.pth').",
    );
  }
  const order = entries.get(`${root}byteorder`);
  if (order && new TextDecoder().decode(await readZipEntry(file, order)).trim() === 'big') {
    throw new Error(`${file.name} was written on a big-endian machine. Load it there and save it as safetensors.`);
  }
  const bytes = await readZipEntry(file, pickle);
  let value: unknown;
  try {
    value = unpickle(bytes, torchContext(new Map())).value;
  } catch (cause) {
    throw explain(file, cause, 'a PyTorch file');
  }
  const readStorage = async (key: string, begin: number, end: number, signal?: AbortSignal) => {
    const entry = entries.get(`${root}data/${key}`);
    if (!entry) throw new Error(`${file.name}: the archive has no ${root}data/${key}: it is corrupt.`);
    return readZipEntry(file, entry, begin, end, signal);
  };
  return torchSource(file.name, 'PyTorch', value, readStorage, async () => file.close?.(), within);
}

/**
 * A file that starts with a pickle: PyTorch's legacy format, or another pickle, which is rejected.
 * @throws an Error that names a disallowed class.
 */
export async function torchLegacySource(file: ByteSource, within?: string): Promise<WeightSource> {
  const storages = new Map<string, TorchStorage>();
  const { value, keys, dataAt } = await readPickles(file, storages);
  const places = new Map<string, number>();
  let at = dataAt;
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage) throw new Error(`${file.name}: no tensor uses the storage ${key}: the file is corrupt.`);
    // Each storage begins with its element count.
    places.set(key, at + 8);
    at += 8 + storage.length * (storage.type ? storedTypes[storage.type].bytes : 1);
  }
  if (at > file.size) {
    throw new Error(
      `${file.name} should have ${at} bytes, but has ${file.size}: it is truncated. Download or copy it again.`,
    );
  }
  const readStorage = async (key: string, begin: number, end: number, signal?: AbortSignal) => {
    const start = places.get(key);
    if (start === undefined) throw new Error(`${file.name}: the storage ${key} is missing: the file is corrupt.`);
    return file.read(start + begin, start + end, signal);
  };
  return torchSource(file.name, 'PyTorch (legacy)', value, readStorage, async () => file.close?.(), within);
}

async function readPickles(file: ByteSource, storages: Map<string, TorchStorage>) {
  for (let length = Math.min(FIRST_BYTES, file.size); ; length = Math.min(2 * length, file.size)) {
    const bytes = await file.read(0, length);
    try {
      return parsePickles(bytes, torchContext(storages));
    } catch (cause) {
      if (cause instanceof PickleEnd && length < file.size) continue;
      throw explain(file, cause, cause instanceof RefusedClassError ? 'weights' : 'a PyTorch file');
    }
  }
}

function parsePickles(bytes: Uint8Array, context: PickleContext) {
  const magic = unpickle(bytes, context);
  // A pickle of Python objects fails earlier, at its first class, with an error that names it.
  if (magic.value !== MAGIC) throw new Error('it is a Python pickle without PyTorch tensors.');
  const protocol = unpickle(bytes, context, magic.end);
  if (protocol.value !== PROTOCOL) throw new Error(`its protocol is ${String(protocol.value)}, not ${PROTOCOL}.`);
  const system = unpickle(bytes, context, protocol.end);
  if (system.value instanceof Map && system.value.get('little_endian') === false) {
    throw new Error('it was written on a big-endian machine. Load it there and save it as safetensors.');
  }
  const object = unpickle(bytes, context, system.end);
  const keys = unpickle(bytes, context, object.end);
  if (!Array.isArray(keys.value)) throw new Error('its list of storages is missing: the file is corrupt.');
  return { value: object.value, keys: keys.value.map(String), dataAt: keys.end };
}
