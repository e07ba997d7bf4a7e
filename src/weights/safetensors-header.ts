// Reads the JSON header of a safetensors file and rejects any that does not describe the file exactly.

import { formatShape } from '../core/shape.ts';
import type { ByteSource } from './byte-source.ts';
import { findDuplicateKey } from './json-duplicates.ts';
import { storedTypes, type StoredType } from './stored-type.ts';
import { quoteName, type WeightEntry } from './weight-source.ts';

/** Maximum header size in bytes: the limit of the reference implementation (Hugging Face's Rust crate). */
export const MAX_HEADER_BYTES = 100_000_000;

/** The header's key for metadata; no tensor may have this name. */
export const METADATA_KEY = '__metadata__';

/** One tensor of a header; `begin` and `end` count bytes from the start of the file. */
export interface HeaderEntry extends WeightEntry {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** A validated header: its tensors in byte order. They fill the rest of the file without gaps. */
export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Record<string, string>;
}

/** An error about a safetensors file, prefixed with the format's name. */
export const safetensorsError = (message: string, cause?: unknown): Error =>
  new Error(`safetensors: ${message}`, { cause });

/** Reads and validates the header of a safetensors file in memory. @throws an Error that names the tensor at fault. */
export function readHeader(bytes: Uint8Array): Header {
  const dataStart = headerEnd(bytes.subarray(0, 8), bytes.length);
  return parseHeader(bytes.subarray(8, dataStart), dataStart, bytes.length);
}

/** Reads and validates only the header of a file. @throws an Error that names the tensor at fault. */
export async function readHeaderOf(file: ByteSource): Promise<Header> {
  const dataStart = headerEnd(await file.read(0, Math.min(8, file.size)), file.size);
  return parseHeader(await file.read(8, dataStart), dataStart, file.size);
}

/** Whether a file that starts with these bytes, at least nine, may be a safetensors file. */
export const startsAsSafetensors = (bytes: Uint8Array): boolean =>
  bytes.length > 8 && bytes[8] === 0x7b && claimedLength(bytes) <= MAX_HEADER_BYTES;

const claimedLength = (bytes: Uint8Array) =>
  Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));

function headerEnd(start: Uint8Array, fileEnd: number): number {
  if (fileEnd < 8) {
    throw safetensorsError(
      `the file has ${fileEnd} bytes, but a header has at least 8: it is truncated, or not a safetensors file.`,
    );
  }
  const length = claimedLength(start);
  if (length > MAX_HEADER_BYTES) {
    throw safetensorsError(
      `the file claims a header of ${length} bytes, but the limit is ${MAX_HEADER_BYTES}: it is corrupt, or not a safetensors file.`,
    );
  }
  if (8 + length > fileEnd) {
    throw safetensorsError(
      `the header should end at byte ${8 + length}, but the file has ${fileEnd}: it is truncated. Download or copy it again.`,
    );
  }
  return 8 + length;
}

function parseHeader(header: Uint8Array, dataStart: number, fileEnd: number): Header {
  const json = headerText(header);
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw safetensorsError(`the header is not valid JSON (${(cause as Error).message}).`, cause);
  }
  const duplicate = findDuplicateKey(json);
  if (duplicate !== null) throw safetensorsError(`the header names ${quoteName(duplicate)} twice.`);

  let metadata: Record<string, string> = {};
  const entries: HeaderEntry[] = [];
  // The header is an object, as its first byte is '{'.
  for (const [name, value] of Object.entries(parsed as object)) {
    if (name === METADATA_KEY) metadata = checkMetadata(value);
    else entries.push(checkEntry(name, value, dataStart));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(entries, dataStart, fileEnd);
  return { entries, metadata };
}

function headerText(header: Uint8Array): string {
  if (header[0] !== 0x7b) {
    throw safetensorsError(`the header does not start with "{": this is not a safetensors file.`);
  }
  try {
    // ignoreBOM keeps a byte order mark in the text, so that JSON.parse rejects it.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch (cause) {
    throw safetensorsError('the header is not valid UTF-8.', cause);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function checkMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value)) throw safetensorsError(`${METADATA_KEY} must be an object of strings.`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw safetensorsError(
        `${METADATA_KEY} must map strings to strings, but ${quoteName(key)} is ${describe(text)}.`,
      );
    }
  }
  return value as Record<string, string>;
}

function checkEntry(name: string, value: unknown, dataStart: number): HeaderEntry {
  const fail = (problem: string): never => {
    throw safetensorsError(`tensor ${quoteName(name)} ${problem}`);
  };
  if (!isRecord(value)) return fail(`must be an object with dtype, shape and data_offsets, but is ${describe(value)}.`);
  const { dtype: fileType, shape, data_offsets: offsets } = value;
  if (typeof fileType !== 'string') return fail(`has no dtype.`);
  if (!Object.hasOwn(storedTypes, fileType)) return fail(unsupported(fileType));
  const stored = fileType as StoredType;
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail(`has the shape ${describe(shape)}; it must be a list of integers from 0 to 2^53 - 1.`);
  }
  let size = storedTypes[stored].bytes;
  for (const dim of shape) {
    size *= dim;
    if (!Number.isSafeInteger(size)) return fail(`has the shape ${describe(shape)}, which overflows.`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return fail(`has the data_offsets ${describe(offsets)}; they must be two non-negative integers, [begin, end].`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) return fail(`has reversed data_offsets [${begin}, ${end}].`);
  if (end - begin !== size) {
    return fail(
      `claims ${fileType}${formatShape(shape)}, which is ${size} bytes, but its data_offsets span ${end - begin}.`,
    );
  }
  return { name, stored, dtype: storedTypes[stored].dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function checkLayout(entries: readonly HeaderEntry[], dataStart: number, fileEnd: number): void {
  let previous: HeaderEntry | null = null;
  for (const entry of entries) {
    const expected = previous ? previous.end : dataStart;
    if (entry.begin !== expected) {
      const neighbour = previous ? `tensor ${quoteName(previous.name)}` : 'the header';
      const problem = entry.begin < expected ? 'overlaps' : `leaves a hole of ${entry.begin - expected} bytes after`;
      throw safetensorsError(`tensor ${quoteName(entry.name)} ${problem} ${neighbour}.`);
    }
    if (entry.end > fileEnd) {
      throw safetensorsError(
        `tensor ${quoteName(entry.name)} should end at byte ${entry.end}, but the file has ${fileEnd}: it is truncated. ` +
          'Download or copy it again.',
      );
    }
    previous = entry;
  }
  const dataEnd = previous ? previous.end : dataStart;
  if (dataEnd !== fileEnd) {
    const last = previous ? `the last tensor, ${quoteName(previous.name)}` : 'the header, which has no tensors';
    throw safetensorsError(`${fileEnd - dataEnd} bytes follow ${last}: the file is corrupt.`);
  }
}

function unsupported(fileType: string): string {
  const known = Object.keys(storedTypes).join(', ');
  return /^(F8_|F6_|F4)/.test(fileType)
    ? `has the unsupported dtype ${fileType} (supported: ${known}). Convert it with PyTorch's tensor.float() (F32) or tensor.half() (F16) and save the file again.`
    : `has the unknown dtype ${quoteName(fileType)} (supported: ${known}).`;
}

/** A JSON value for an error message, with long and deeply nested values shortened. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) {
    const items = value.slice(0, 8).map((item) => (typeof item === 'object' && item !== null ? '…' : describe(item)));
    return `[${items.join(',')}${value.length > 8 ? ',…' : ''}]`;
  }
  if (typeof value === 'string') return quoteName(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
