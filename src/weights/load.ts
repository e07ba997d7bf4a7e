// Loads weights from any source into a model: all of them, or none if anything is wrong.

import type { TensorData } from '../core/dtype.ts';
import { sameShape, sizeOf } from '../core/shape.ts';
import type { Parameter } from '../core/parameter.ts';
import type { Module } from '../nn/module.ts';
import { sameValues } from '../nn/state-dict.ts';
import { WeightsError } from '../nn/weights-error.ts';
import { planLoad, type LoadPlan, type NameOptions } from './load-plan.ts';
import { storedAs, storedTypes } from './stored-type.ts';
import { quoteName, type WeightSource } from './weight-source.ts';
import { formatSpec } from '../core/tensor.ts';

/** Progress of a load. */
export interface LoadProgress {
  readonly phase: 'download' | 'read';
  /** The file being downloaded, or the tensor just read. */
  readonly name: string;
  /** Bytes done, and the total (null if the server does not report it). */
  readonly loaded: number;
  readonly total: number | null;
}

/** How weights are loaded. */
export interface FillOptions extends NameOptions {
  /** Transforms a tensor after reading, such as a transpose. `name` is the model's. The shape is checked afterwards. */
  readonly map?: (name: string, values: TensorData) => TensorData;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Cancels the load; the model is then unchanged. */
  readonly signal?: AbortSignal;
}

/** What a load did. */
export interface FillReport extends Pick<LoadPlan, 'prefix' | 'ignored' | 'kept'> {
  /** The file or files, and their format. */
  readonly source: string;
  readonly format: string;
  /** The model's names that were loaded. */
  readonly loaded: readonly string[];
  /** How many tensors were converted, by type in the file and in the model. */
  readonly converted: readonly { readonly from: string; readonly to: string; readonly count: number }[];
  /** The file's metadata. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Fills `model` from `source`. Names, shapes and dtypes are checked before anything is read, and the model changes only once
 * every tensor is read.
 * @throws a WeightsError that groups mismatches by cause; the source's error if a tensor cannot be read.
 */
export async function fillModel(model: Module, source: WeightSource, options: FillOptions = {}): Promise<FillReport> {
  const { map, onProgress, signal } = options;
  const state = model.state();
  const plan = planLoad(model, state, source, options, !!map);
  await expectTies(model, source, plan.ties, signal);

  const entry = (name: string) => source.entries.get(name)!;
  const bytesOf = (name: string) => sizeOf(entry(name).shape) * storedTypes[entry(name).stored].bytes;
  const total = [...plan.assigned.values()].reduce((sum, name) => sum + bytesOf(name), 0);
  const staged = new Map<Parameter, TensorData>();
  const converted = new Map<string, { from: string; to: string; count: number }>();
  let loaded = 0;
  for (const [own, name] of plan.assigned) {
    signal?.throwIfAborted();
    const parameter = state.get(own)!;
    const values = await source.read(name, parameter.dtype, signal);
    staged.set(parameter, checked(source, own, parameter, map ? map(own, values) : values));
    const [from, to] = [entry(name).stored, storedAs[parameter.dtype]];
    if (from !== to) {
      const count = (converted.get(`${from} ${to}`)?.count ?? 0) + 1;
      converted.set(`${from} ${to}`, { from, to, count });
    }
    loaded += bytesOf(name);
    onProgress?.({ phase: 'read', name: own, loaded, total });
  }
  signal?.throwIfAborted();
  for (const [parameter, values] of staged) {
    parameter.write(values);
    // The parameter holds a copy.
    staged.delete(parameter);
  }
  return {
    source: source.name,
    format: source.format,
    loaded: [...plan.assigned.keys()],
    prefix: plan.prefix,
    ignored: plan.ignored,
    kept: plan.kept,
    converted: [...converted.values()],
    metadata: source.metadata,
  };
}

function checked(source: WeightSource, name: string, parameter: Parameter, values: TensorData): TensorData {
  if (sameShape(values.shape, parameter.shape) && values.dtype === parameter.dtype) return values;
  throw new Error(
    `${source.name}: ${quoteName(name)} is ${formatSpec(values)} after the option map, but the model needs ${formatSpec(parameter)}.`,
  );
}

/** A file may hold several copies of a tied tensor. If they differed, all but one would be lost. */
async function expectTies(
  model: Module,
  source: WeightSource,
  ties: LoadPlan['ties'],
  signal?: AbortSignal,
): Promise<void> {
  const untied: (readonly [string, string])[] = [];
  for (const [a, b] of ties) {
    const [first, second] = [source.entries.get(a)!, source.entries.get(b)!];
    if (first.memory !== undefined && first.memory === second.memory) continue;
    const [x, y] = [await source.read(a, undefined, signal), await source.read(b, first.dtype, signal)];
    if (!sameValues(x, y)) untied.push([a, b]);
  }
  if (untied.length === 0) return;
  const remedy = 'They come from a model without this tie. To drop one of each pair, match it with the option ignore.';
  const mismatch = { missing: [], unexpected: [], shapes: [], dtypes: [], untied };
  throw new WeightsError(model.title, mismatch, [remedy], source.name);
}

/** A `map` option for files that store matrices as [in, out] where the model has [out, in], such as GPT-2's Conv1D. */
export function transposeWeights(pattern: RegExp): NonNullable<FillOptions['map']> {
  return (name, { dtype, shape, data }) => {
    if (!pattern.test(name) || shape.length !== 2) return { dtype, shape, data };
    const [rows, columns] = shape;
    const turned = data.slice();
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j];
    return { dtype, shape: [columns, rows], data: turned };
  };
}
