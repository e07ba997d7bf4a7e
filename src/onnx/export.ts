// exportOnnx(): a function and its parameters as a file for ONNX Runtime, Triton, or whatever else reads ONNX.

import { allocate, type DType, type TensorData } from '../core/dtype.ts';
import { toFloat16 } from '../core/float16.ts';
import { Parameter } from '../core/parameter.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';
import type { Outputs } from '../runtime/compile.ts';
import { DynamicBatchError, mergeSamples, type Sample } from './dynamic-batch.ts';
import { encodeModel, OPSET, type Encoded } from './encode.ts';
import { withoutUnused, withSharedConstants } from './prune.ts';
import { dimName, recordOnnx, type OnnxPort, type OnnxRecord, type Source } from './record.ts';

export interface OnnxOptions {
  /**
   * True lets the size of axis 0 of every input be chosen at each run; a record says which axis of which input it is instead,
   * such as `{ x: 1 }`. The function is traced with several batch sizes; where these differ in more than sizes, or where it
   * refuses one, a DynamicBatchError says in what. False (the default) exports the shapes of `specs`.
   */
  readonly dynamicBatch?: boolean | Readonly<Record<string, number>>;
  /** What parameters are called in the file; by default their own names. */
  readonly names?: ReadonlyMap<Parameter, string>;
  /** The graph's name: 'graph' by default. */
  readonly name?: string;
  /** The version that the file says it was made by. */
  readonly version?: string;
  /** Kept in the file as metadata_props: the config, the vocabulary … */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Weights of more bytes go to a file beside the model: just below 2 GiB by default, more than which protobuf cannot hold. */
  readonly inlineLimit?: number;
  /** The name of that file: 'model.onnx.data' by default. It must lie in the model's folder under this name. */
  readonly externalName?: string;
}

/** An input or output of an exported model. A size that depends on the batch is text, such as 'batch'. */
export interface OnnxPortDescription {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

/** An exported model: the bytes of its file, and of the one beside it where its weights are too large for one. */
export interface OnnxModel extends Encoded {
  readonly opset: number;
  readonly inputs: readonly OnnxPortDescription[];
  readonly outputs: readonly OnnxPortDescription[];
  readonly nodes: number;
  /** What the inputs that are no inputs of the function hold here now: scalars, and parameters that it updates. */
  readonly state: Readonly<Record<string, TensorData>>;
}

/** Batch sizes that are compared. 1 is none of them: axes of size 1 are moved and broadcast in other ways. */
const BATCHES = [2, 3, 5];

/**
 * Writes `fn`, traced with symbolic tensors of the given specs, as an ONNX model (opset 17). No device is needed. Inputs have
 * the names of `specs`, outputs those of the record that `fn` returns ('output' for a single tensor). Parameters become
 * initializers with their current values; one that `fn` assigns becomes an input, and what it becomes is the output
 * `NAME.next`. A `Scalar` becomes an input too. Throws where an op has no form in ONNX.
 */
export async function exportOnnx<S extends Readonly<Record<string, TensorSpec>>, O extends Outputs<O>>(
  fn: (inputs: { readonly [K in keyof S]: Tensor }) => O,
  specs: S,
  options: OnnxOptions = {},
): Promise<OnnxModel> {
  const { dynamicBatch = false, name = 'graph', version = '', metadata = {}, names = new Map() } = options;
  const { inlineLimit = 2 ** 31 - 2 ** 24, externalName = 'model.onnx.data' } = options;
  const source: Source = { fn: fn as unknown as Source['fn'], specs, names };
  // What cannot be exported at all says so itself.
  const fixed = withoutUnused(recordOnnx(source));
  const found = dynamicBatch === false ? fixed : recordEveryBatch(source, axesOf(specs, dynamicBatch));
  const record = withSharedConstants(found);
  const encoded = await encodeModel(record, { name, producerVersion: version, metadata, externalName, inlineLimit });
  const described = (ports: readonly OnnxPort[]) =>
    ports.map(({ shape, ...port }) => ({
      ...port,
      shape: shape.map((dim) => (typeof dim === 'number' ? dim : dimName(dim))),
    }));
  const [inputs, outputs] = [described(record.inputs), described(record.outputs)];
  return { ...encoded, opset: OPSET, inputs, outputs, nodes: record.nodes.length, state: await valuesOf(record) };
}

/** What scalars and parameters that are inputs hold now. */
async function valuesOf({ inputs, state }: OnnxRecord): Promise<Record<string, TensorData>> {
  const values: Record<string, TensorData> = {};
  for (const { name } of inputs) {
    const one = state.get(name);
    if (!one) continue;
    if (one instanceof Parameter) values[name] = await one.read();
    else {
      const { dtype, shape, value } = one;
      values[name] = { dtype, shape, data: allocate(dtype, 1).fill(dtype === 'f16' ? toFloat16(value) : value) };
    }
  }
  return values;
}

/** The batch axis of each input that has one. */
function axesOf(
  specs: Readonly<Record<string, TensorSpec>>,
  dynamicBatch: true | Readonly<Record<string, number>>,
): Map<string, number> {
  const axes = new Map(
    dynamicBatch === true
      ? Object.entries(specs).flatMap(([name, { shape }]) => (shape.length > 0 ? [[name, 0] as const] : []))
      : Object.entries(dynamicBatch),
  );
  for (const [name, axis] of axes) {
    if (specs[name] && Number.isInteger(axis) && axis >= 0 && axis < specs[name].shape.length) continue;
    throw new Error(`exportOnnx: dynamicBatch names axis ${axis} of "${name}", which no input has; use one of ${Object.keys(specs).join(', ')}.`); // prettier-ignore
  }
  if (axes.size === 0) throw new DynamicBatchError('no input has an axis.');
  return axes;
}

function recordEveryBatch({ fn, specs, names }: Source, axes: ReadonlyMap<string, number>): OnnxRecord {
  const samples = BATCHES.map((batch): Sample => {
    const resized = Object.entries(specs).map(([name, { shape, dtype }]) => {
      const axis = axes.get(name);
      return [name, { dtype, shape: axis === undefined ? shape : shape.with(axis, batch) }] as const;
    });
    try {
      return { batch, record: withoutUnused(recordOnnx({ fn, specs: Object.fromEntries(resized), names })) };
    } catch (error) {
      throw new DynamicBatchError(`for batch ${batch} the function fails: ${(error as Error).message}`);
    }
  });
  const [[input, axis]] = axes;
  return mergeSamples(samples, { input, axis });
}
