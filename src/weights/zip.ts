// Lists the files in a ZIP archive by its directory and reads single ones: PyTorch and NumPy archives may have gigabytes.
// Existing libraries read whole archives, or need streams that a page does not have.

import type { ByteSource } from './byte-source.ts';
import { decompress } from './decompress.ts';

/** One file in an archive. */
export interface ZipEntry {
  readonly path: string;
  /** Compressed and uncompressed size in bytes. */
  readonly compressedSize: number;
  readonly size: number;
  readonly isDeflated: boolean;
  /** Offset of its local header, which is followed by the data. */
  readonly headerAt: number;
}

export const ZIP_START = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const DIRECTORY_END = 0x06054b50;
const DIRECTORY_END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const MAX_COMMENT = 65535;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const damaged = ({ name }: ByteSource, problem: string) =>
  new Error(`${name}: ${problem}: the archive is truncated or corrupt. Download or copy it again.`);

/** The files of an archive, in directory order. @throws an Error if the directory, at the end, is missing or corrupt. */
export async function readZipDirectory(file: ByteSource): Promise<Map<string, ZipEntry>> {
  const tailAt = Math.max(0, file.size - MAX_COMMENT - 22);
  const tail = viewOf(await file.read(tailAt, file.size));
  let endAt = tail.byteLength - 22;
  while (endAt >= 0 && tail.getUint32(endAt, true) !== DIRECTORY_END) endAt--;
  if (endAt < 0) throw damaged(file, 'there is no directory at its end');
  let [count, size, at] = [
    tail.getUint16(endAt + 10, true), tail.getUint32(endAt + 12, true), tail.getUint32(endAt + 16, true),
  ]; // prettier-ignore
  if (endAt >= 20 && tail.getUint32(endAt - 20, true) === LOCATOR_64) {
    const end64At = Number(tail.getBigUint64(endAt - 12, true));
    const end64 = viewOf(await file.read(end64At, end64At + 56));
    if (end64.getUint32(0, true) !== DIRECTORY_END_64)
      throw damaged(file, 'its 64-bit directory is not where it should be');
    [count, size, at] = [32, 40, 48].map((offset) => Number(end64.getBigUint64(offset, true)));
  }
  if (at + size > file.size) throw damaged(file, `its directory should end at byte ${at + size} of ${file.size}`);

  const bytes = await file.read(at, at + size);
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let position = 0;
  for (let i = 0; i < count; i++) {
    if (position + 46 > size || view.getUint32(position, true) !== DIRECTORY_ENTRY) {
      throw damaged(file, `entry ${i} of ${count} in its directory is missing`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((at) => view.getUint16(position + at, true));
    const end = position + 46 + nameLength + extraLength + commentLength;
    if (end > size) throw damaged(file, `entry ${i} of ${count} in its directory is truncated`);
    const path = new TextDecoder().decode(bytes.subarray(position + 46, position + 46 + nameLength));
    const method = view.getUint16(position + 10, true);
    if (view.getUint16(position + 8, true) & 1) throw new Error(`${file.name}: ${path} in the archive is encrypted.`);
    if (method !== 0 && method !== 8) {
      throw new Error(
        `${file.name}: ${path} uses compression method ${method}; only "stored" and "deflate" are supported.`,
      );
    }
    const wide = wideFields(view, position, position + 46 + nameLength, extraLength);
    entries.set(path, { path, isDeflated: method === 8, ...wide });
    position = end;
  }
  return entries;
}

/** Sizes and offset of a directory entry; those that need 64 bits are in its extra field, in this order. */
function wideFields(view: DataView, entryAt: number, extraAt: number, extraLength: number) {
  const fields = [24, 20, 42].map((offset) => view.getUint32(entryAt + offset, true));
  for (let at = extraAt; at + 4 <= extraAt + extraLength; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let value = at + 4;
    for (let i = 0; i < fields.length; i++) {
      if (fields[i] !== 0xffffffff || value + 8 > extraAt + extraLength) continue;
      fields[i] = Number(view.getBigUint64(value, true));
      value += 8;
    }
  }
  const [size, compressedSize, headerAt] = fields;
  return { size, compressedSize, headerAt };
}

/** Offset of an entry's data: for alignment, its local header may be longer than the directory says. */
export async function zipDataStart(file: ByteSource, entry: ZipEntry, signal?: AbortSignal): Promise<number> {
  const header = viewOf(await file.read(entry.headerAt, entry.headerAt + 30, signal));
  if (header.getUint32(0, true) !== ZIP_START) throw damaged(file, `${entry.path} is not where the directory says`);
  return entry.headerAt + 30 + header.getUint16(26, true) + header.getUint16(28, true);
}

/**
 * The bytes of an entry from `begin` up to `end`. A compressed entry is decompressed from its start.
 * @throws an Error that names the entry, if the archive is truncated or corrupt there.
 */
export async function readZipEntry(
  file: ByteSource,
  entry: ZipEntry,
  begin = 0,
  end = entry.size,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (begin > end || end > entry.size) {
    throw damaged(file, `${entry.path} has ${entry.size} bytes, but ${end} are needed`);
  }
  const start = await zipDataStart(file, entry, signal);
  if (!entry.isDeflated) return file.read(start + begin, start + end, signal);
  const compressed = await file.read(start, start + entry.compressedSize, signal);
  const { bytes, damage } = await decompress(compressed, 'deflate-raw', end);
  if (bytes.length < end)
    throw damaged(file, `${entry.path} cannot be decompressed (${damage?.message ?? 'it is too short'})`);
  return bytes.subarray(begin, end);
}
