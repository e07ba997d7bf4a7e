// Opens weights wherever they are: in memory, in files the user chose, on disk, on a server or on Hugging Face.

import type { DType, TensorData } from '../core/dtype.ts';
import { blobSource, bytesSource, type ByteSource } from './byte-source.ts';
import { HttpError } from './download.ts';
import type { FileCache } from './file-cache.ts';
import { openHub, parseHubId, type HubId, type HubOptions } from './hub.ts';
import { openFile } from './open-file.ts';
import { openRemote } from './remote.ts';
import { shardedSource, startsAsJson, type Place } from './sharded.ts';
import { convert, storedAs } from './stored-type.ts';
import { entryOf, type WeightSource } from './weight-source.ts';

/**
 * Where weights are: a source, tensors by name, a file's bytes, a Blob, the files of a sharded model, a URL, or text: a URL, a
 * path (in Node) or a Hugging Face id (`org/name`, `org/name@revision`, `org/name/file`).
 */
export type WeightInput =
  WeightSource | ReadonlyMap<string, TensorData> | Uint8Array | ArrayBuffer | Blob | readonly File[] | URL | string; // prettier-ignore

/** Tensors in memory as a source. */
export function memorySource(tensors: ReadonlyMap<string, TensorData>, name = 'the tensors'): WeightSource {
  const source = {
    name,
    format: 'tensors',
    entries: new Map(
      [...tensors].map(([key, { dtype, shape }]) => [key, { stored: storedAs[dtype], dtype, shape }] as const),
    ),
    metadata: {},
    async read(key: string, dtype?: DType) {
      entryOf(source, key);
      const { dtype: own, shape, data } = tensors.get(key)!;
      return dtype === undefined || dtype === own
        ? { dtype: own, shape, data: data.slice() }
        : { dtype, shape, data: convertTensor(`${name}: ${key}`, tensors.get(key)!, dtype) };
    },
    async close() {},
  };
  return source;
}

function convertTensor(name: string, { dtype, data }: TensorData, to: DType) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  // A bool takes four bytes in memory.
  return convert(bytes, dtype === 'bool' ? 'U32' : storedAs[dtype], to, (problem) => new Error(`${name} ${problem}`));
}

/** The usual names of weights files, in the order in which a folder is searched. */
export const MODEL_FILES = [
  'model.safetensors', 'model.safetensors.index.json', 'pytorch_model.bin', 'pytorch_model.bin.index.json',
  'diffusion_pytorch_model.safetensors', 'weights.safetensors',
] as const; // prettier-ignore

/** What differs between platforms. */
export interface Platform {
  /** Finds a weights file, given its path or that of its folder; null if neither exists. */
  readonly findPath?: (path: string) => Promise<{ readonly place: Place; readonly file: string } | null>;
  /** The default download cache; null where nothing can be stored. */
  readonly cache: () => Promise<FileCache | null>;
  /** Default options for Hugging Face. */
  readonly hub?: () => Pick<HubOptions, 'hubUrl' | 'token'>;
}

/** How weights are opened. */
export interface OpenOptions extends HubOptions {
  /** For PyTorch files: the key of the dict that holds the tensors, such as `g_ema`, if it is not detected. */
  readonly within?: string;
  /** The SHA-256 that a URL's file must have, in hexadecimal. Not needed for a Hugging Face id. */
  readonly sha256?: string;
  /** The download cache; null reads from the server each time, only the needed parts if it supports range requests. */
  readonly cache?: FileCache | null;
}

/**
 * Opens weights, reading only names and shapes. Close the source when you are done with it.
 * @throws an Error that says what is wrong with the file, or where it was searched for.
 */
export async function openWeightsOn(
  platform: Platform,
  input: WeightInput,
  options: OpenOptions = {},
): Promise<WeightSource> {
  if (input instanceof Map) return memorySource(input as ReadonlyMap<string, TensorData>);
  if (typeof input === 'string') return openText(platform, input, options);
  if (input instanceof URL) return openUrl(platform, input, options);
  if (input instanceof Uint8Array) return openBytes(bytesSource(input), nowhere, options);
  if (input instanceof ArrayBuffer) return openBytes(bytesSource(new Uint8Array(input)), nowhere, options);
  if (input instanceof Blob) return openBytes(blobSource(input), nowhere, options);
  if (Array.isArray(input)) return openChosen(input as readonly File[], options);
  if ('entries' in input && 'read' in input) return input as WeightSource;
  throw new Error(
    'Unsupported weights input: expected a source, a map of tensors, bytes, a Blob, files, a URL or text.',
  );
}

/** Whether text is meant as a file path rather than an id. */
export const looksLikePath = (text: string): boolean =>
  /^[./~]|^[A-Za-z]:[\\/]|\\/.test(text) ||
  (/\.(safetensors|json|pth?|bin|np[yz])$/.test(text) && text.split('/').length < 3);

/**
 * The bytes of any file: at a path, a URL, or in a Hugging Face repository (`org/name/tokenizer.json`), cached like weights.
 * @throws an Error that says where it was searched for.
 */
export async function readBytesOn(
  platform: Platform,
  input: string | URL,
  options: OpenOptions = {},
): Promise<Uint8Array> {
  const file = await findFile(platform, input, options);
  try {
    return await file.read(0, file.size, options.signal);
  } finally {
    await file.close?.();
  }
}

async function findFile(platform: Platform, input: string | URL, options: OpenOptions): Promise<ByteSource> {
  const text = String(input);
  const cache = async () => (options.cache === undefined ? platform.cache() : options.cache);
  if (/^https?:/.test(text)) return openRemote(new URL(text), await cache(), options);
  const found = await platform.findPath?.(text);
  const id = parseHubId(text);
  const place =
    found?.place ??
    (id?.file ? await openHub(id, [id.file], await cache(), { ...platform.hub?.(), ...options }) : null);
  const file = await place?.open(found?.file ?? id!.file!);
  if (!file) throw new Error(`There is no file ${text}. Expected a path, a URL, or org/name/file on Hugging Face.`);
  return file;
}

const nowhere: Place = { open: async () => null };

async function openBytes(file: ByteSource, place: Place, { within }: OpenOptions): Promise<WeightSource> {
  try {
    const start = await file.read(0, Math.min(64, file.size));
    if (!startsAsJson(start)) return await openFile(file, within);
    const text = new TextDecoder().decode(await file.read(0, file.size));
    await file.close?.();
    return await shardedSource(file.name, text, place.open, within);
  } catch (error) {
    await file.close?.();
    throw error;
  }
}

/** Opens a file in a folder. @throws an Error if it is missing. */
async function openIn(place: Place, name: string, options: OpenOptions): Promise<WeightSource> {
  const file = await place.open(name);
  if (!file) throw new Error(`There is no file ${name}.`);
  return openBytes(file, place, options);
}

function openChosen(files: readonly File[], options: OpenOptions): Promise<WeightSource> {
  const byName = new Map(files.map((file) => [file.name, file]));
  const place: Place = {
    async open(name) {
      const file = byName.get(name);
      return file ? blobSource(file) : null;
    },
  };
  const index = files.filter(({ name }) => name.endsWith('.index.json'));
  const [first] = index.length > 0 ? index : files;
  if (first && (files.length === 1 || index.length === 1)) return openIn(place, first.name, options);
  const names = files.map(({ name }) => name).join(', ');
  throw new Error(
    files.length === 0
      ? 'No file was given.'
      : `${names}: these are several weights files. Give one file, or all shards of one model with their index (model.safetensors.index.json).`,
  );
}

async function openText(platform: Platform, text: string, options: OpenOptions): Promise<WeightSource> {
  if (/^(https?|file|blob|data):/.test(text)) return openUrl(platform, new URL(text), options);
  const found = await platform.findPath?.(text);
  if (found) return openIn(found.place, found.file, options);
  if (looksLikePath(text) && !platform.findPath) return openUrl(platform, new URL(text, location.href), options);
  const id = parseHubId(text);
  if (id) return openHubWeights(platform, id, options);
  throw new Error(`There is no file or folder ${text}. Expected a path, a URL, or a Hugging Face id such as org/name.`);
}

async function openHubWeights(platform: Platform, id: HubId, options: OpenOptions): Promise<WeightSource> {
  const cache = options.cache === undefined ? await platform.cache() : options.cache;
  const place = await openHub(id, id.file ? [id.file] : MODEL_FILES, cache, { ...platform.hub?.(), ...options });
  if (id.file) return openIn(place, id.file, options);
  for (const file of MODEL_FILES) {
    const bytes = place.files && !place.files.has(file) ? null : await place.open(file);
    if (bytes) return openBytes(bytes, place, options);
  }
  const files = [...(place.files ?? [])].filter((name) => /\.(safetensors|pth?|bin|np[yz])$/.test(name));
  throw new Error(
    `${id.repo} holds none of ${MODEL_FILES.join(', ')}. ` +
      (files.length > 0
        ? `Name one of its files, such as ${id.repo}/${files[0]}.`
        : 'It has no supported weights file.'),
  );
}

async function openUrl(platform: Platform, url: URL, options: OpenOptions): Promise<WeightSource> {
  if (url.protocol === 'file:') {
    const found = await platform.findPath?.(url.href);
    if (!found) throw new Error(`There is no file ${url.href}.`);
    return openIn(found.place, found.file, options);
  }
  if (!/^https?:$/.test(url.protocol)) {
    const response = await fetch(url, { signal: options.signal });
    return openBytes(blobSource(await response.blob(), 'the blob'), nowhere, options);
  }
  const cache = options.cache === undefined ? await platform.cache() : options.cache;
  const shards: Place = {
    async open(name) {
      try {
        return await openRemote(new URL(name, url), cache, { ...options, sha256: undefined });
      } catch (error) {
        if (error instanceof HttpError && error.status === 404) return null;
        throw error;
      }
    },
  };
  return openBytes(await openRemote(url, cache, options), shards, options);
}
