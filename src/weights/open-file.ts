// Opens one file of weights, whatever it is called: its first bytes say what it is.

import type { ByteSource } from './byte-source.ts';
import { npySource, npzSource, startsAsNpy } from './numpy.ts';
import { startsAsSafetensors } from './safetensors-header.ts';
import { safetensorsSource } from './safetensors.ts';
import { torchLegacySource, torchZipSource } from './torch-files.ts';
import { isGzip } from './unpack.ts';
import type { WeightSource } from './weight-source.ts';
import { readZipDirectory, ZIP_START } from './zip.ts';

/** Other kinds of files, by how they begin, and what to do with them. */
const others: readonly (readonly [start: RegExp, what: string])[] = [
  [/^version https:\/\/git-lfs/, 'is a pointer of Git LFS, not the file that it stands for. Run: git lfs pull'],
  [/^\s*<(!doctype|html|\?xml)/i, 'is a web page. Use the address of the file itself (on Hugging Face: "resolve", not "blob")'],
  [/^GGUF/, 'is a GGUF file. Use the safetensors from which it was made'],
  [/^\x89HDF/, "is an HDF5 file, as Keras writes. Save its arrays in Python: numpy.savez('weights.npz', **arrays)"],
  [/^.{4}TFL3/s, 'is a TensorFlow Lite file, which cannot be read'],
  [/^[\s\S]{257}ustar/, "is a tar archive: if it comes from PyTorch before 0.1.10, load it there and save it again"],
]; // prettier-ignore

/**
 * Opens a file of safetensors, PyTorch or numpy. Only names and shapes are read now.
 * @param within for PyTorch's files: the key of the dict that holds the tensors, where it is not found by itself.
 * @throws an Error with the file's name: for other kinds of files with what to do, for damaged ones with where.
 */
export async function openFile(file: ByteSource, within?: string): Promise<WeightSource> {
  const start = await file.read(0, Math.min(512, file.size));
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (file.size === 0) throw new Error(`${file.name} is empty.`);
  if (file.size >= 4 && view.getUint32(0, true) === ZIP_START) return openZip(file, within);
  if (startsAsNpy(start)) return npySource(file);
  if (startsAsSafetensors(start)) return safetensorsSource(file);
  // PROTO 2 to 5, or one of the instructions with which protocols 0 and 1 begin.
  if (start[0] === 0x80 && start[1] <= 5) return torchLegacySource(file, within);

  if (isGzip(start)) throw new Error(`${file.name} is packed with gzip. Unpack it first.`);
  const text = Array.from(start, (byte) => String.fromCharCode(byte)).join('');
  const other = others.find(([pattern]) => pattern.test(text));
  if (other) throw new Error(`${file.name} ${other[1]}.`);
  // What is wrong with a safetensors file, whose start is only a number, is said best by its own reader.
  if (file.name.endsWith('.safetensors')) return safetensorsSource(file);
  throw new Error(
    `${file.name} is no file of weights that can be read: it is neither safetensors, nor PyTorch's .pth, .pt or .bin, nor numpy's .npz or .npy.`,
  );
}

async function openZip(file: ByteSource, within?: string): Promise<WeightSource> {
  const entries = await readZipDirectory(file);
  const paths = [...entries.keys()].filter((path) => !path.endsWith('/'));
  const pickle = paths.find((path) => /^([^/]+\/)?data\.pkl$/.test(path));
  if (pickle) return torchZipSource(file, entries, entries.get(pickle)!, within);
  if (paths.length > 0 && paths.every((path) => path.endsWith('.npy'))) return npzSource(file, entries);
  if (paths.some((path) => path.endsWith('model.json')))
    throw new Error(`${file.name} is an archive of a Keras model. ${'Save its arrays with numpy.savez in Python.'}`);
  throw new Error(
    `${file.name} is a ZIP archive, but neither of PyTorch nor of numpy: it holds ${paths.slice(0, 5).join(', ')}. Unpack it first.`,
  );
}
