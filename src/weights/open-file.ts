// Opens one weights file. The format is detected from its first bytes, not its name.

import type { ByteSource } from './byte-source.ts';
import { npySource, npzSource, startsAsNpy } from './numpy.ts';
import { startsAsSafetensors } from './safetensors-header.ts';
import { safetensorsSource } from './safetensors.ts';
import { torchLegacySource, torchZipSource } from './torch-files.ts';
import { isGzip } from './decompress.ts';
import type { WeightSource } from './weight-source.ts';
import { readZipDirectory, ZIP_START } from './zip.ts';

/** Unsupported files, by how they begin, and what to do with them. */
const others: readonly (readonly [start: RegExp, what: string])[] = [
  [/^version https:\/\/git-lfs/, 'is a Git LFS pointer, not the file itself. Run: git lfs pull'],
  [/^\s*<(!doctype|html|\?xml)/i, 'is a web page. Use the URL of the file itself (on Hugging Face: "resolve", not "blob")'],
  [/^GGUF/, 'is a GGUF file, which is not supported. Use the safetensors it was converted from'],
  [/^\x89HDF/, "is an HDF5 file (Keras), which is not supported. Save its arrays in Python: numpy.savez('weights.npz', **arrays)"],
  [/^.{4}TFL3/s, 'is a TensorFlow Lite file, which is not supported'],
  [/^[\s\S]{257}ustar/, "is a tar archive. If it comes from PyTorch before 0.1.10, load it there and save it again"],
]; // prettier-ignore

/**
 * Opens a safetensors, PyTorch or NumPy file, reading only names and shapes.
 * @param within for PyTorch files: the key of the dict that holds the tensors, if it is not detected.
 * @throws an Error with the file's name: for an unsupported format what to do, for a corrupt file where.
 */
export async function openFile(file: ByteSource, within?: string): Promise<WeightSource> {
  const start = await file.read(0, Math.min(512, file.size));
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (file.size === 0) throw new Error(`${file.name} is empty.`);
  if (file.size >= 4 && view.getUint32(0, true) === ZIP_START) return openZip(file, within);
  if (startsAsNpy(start)) return npySource(file);
  if (startsAsSafetensors(start)) return safetensorsSource(file);
  // PROTO, with version 2 to 5.
  if (start[0] === 0x80 && start[1] <= 5) return torchLegacySource(file, within);

  if (isGzip(start)) throw new Error(`${file.name} is compressed with gzip. Decompress it first.`);
  const text = Array.from(start, (byte) => String.fromCharCode(byte)).join('');
  const other = others.find(([pattern]) => pattern.test(text));
  if (other) throw new Error(`${file.name} ${other[1]}.`);
  // The safetensors reader has the most precise errors.
  if (file.name.endsWith('.safetensors')) return safetensorsSource(file);
  throw new Error(
    `${file.name} is not a supported weights file: safetensors, PyTorch (.pth, .pt, .bin) or NumPy (.npz, .npy).`,
  );
}

async function openZip(file: ByteSource, within?: string): Promise<WeightSource> {
  const entries = await readZipDirectory(file);
  const paths = [...entries.keys()].filter((path) => !path.endsWith('/'));
  const pickle = paths.find((path) => /^([^/]+\/)?data\.pkl$/.test(path));
  if (pickle) return torchZipSource(file, entries, entries.get(pickle)!, within);
  if (paths.length > 0 && paths.every((path) => path.endsWith('.npy'))) return npzSource(file, entries);
  if (paths.some((path) => path.endsWith('model.json')))
    throw new Error(`${file.name} is a Keras model archive. Save its arrays in Python with numpy.savez.`);
  throw new Error(
    `${file.name} is a ZIP archive, but not from PyTorch or NumPy: it holds ${paths.slice(0, 5).join(', ')}. Extract it first.`,
  );
}
