// exportOnnx(): a function and its parameters as a file for ONNX Runtime, Triton, or whatever else reads ONNX.

import { allocate, type DType, type TensorData } from '../core/dtype.ts';
import { toFloat16 } from '../core/float16.ts';
import { Parameter } from '../core/parameter.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';
import type { Outputs } from '../runtime/program.ts';
import { MOST_OPEN, samplesOf, shownDim } from './dim.ts';
import { encodeModel, OPSET, type Encoded } from './encode.ts';
import { mergeSamples, OpenSizeError } from './open-sizes.ts';
import { withoutUnused, withSharedConstants } from './prune.ts';
import { recordOnnx, type OnnxPort, type OnnxRecord, type Source } from './record.ts';

/** What knows its parameters and buffers by path: a Module. */
interface Named {
  namedParameters(): ReadonlyMap<string, Parameter>;
  namedBuffers(): ReadonlyMap<string, Parameter>;
}

export interface OnnxOptions {
  /** True keeps the batch size open: that of axis 0 of every input. The same as `openSizes` of 'batch' there. */
  readonly dynamicBatch?: boolean;
  /**
   * Sizes that can differ from run to run, by input and axis, with the names that they have in the file: `{ ids: { 0: 'batch',
   * 1: 'length' } }`. The function is traced with several of each; an OpenSizeError says where they matter in other ways than
   * as sizes, or which one the function refuses.
   */
  readonly openSizes?: Readonly<Record<string, Readonly<Record<number, string>>>>;
  /** The model whose paths the parameters are called by in the file; without one they are called by their own names. */
  readonly model?: Named;
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

/** An input or output of an exported model. An open size is text, such as 'batch' or '2*batch'. */
export interface OnnxPortInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

/** An exported model: the bytes of its file, and of the one beside it where its weights are too large for one. */
export interface OnnxModel extends Encoded {
  readonly opset: number;
  readonly inputs: readonly OnnxPortInfo[];
  readonly outputs: readonly OnnxPortInfo[];
  readonly nodes: number;
  /** What the inputs that are no inputs of the function hold here now: scalars, and parameters that it updates. */
  readonly state: Readonly<Record<string, TensorData>>;
}

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
  const {
    dynamicBatch = false,
    openSizes = dynamicBatch ? batchOf(specs) : {},
    name = 'graph',
    version = '',
    metadata = {},
  } = options;
  const { inlineLimit = 2 ** 31 - 2 ** 24, externalName = 'model.onnx.data' } = options;
  const source: Source = { fn: fn as unknown as Source['fn'], specs, names: pathsOf(options.model) };
  // What cannot be exported at all says so itself.
  const fixed = withoutUnused(recordOnnx(source));
  const axes = axesOf(specs, openSizes);
  const record = withSharedConstants(axes.length === 0 ? fixed : recordEverySize(source, axes));
  const encoded = await encodeModel(record, { name, producerVersion: version, metadata, externalName, inlineLimit });
  const described = (ports: readonly OnnxPort[]) =>
    ports.map(({ shape, ...port }) => ({ ...port, shape: shape.map(shownDim) }));
  const [inputs, outputs] = [described(record.inputs), described(record.outputs)];
  return { ...encoded, opset: OPSET, inputs, outputs, nodes: record.nodes.length, state: await valuesOf(record) };
}

/** The first path of each parameter. */
function pathsOf(model: Named | undefined): Map<Parameter, string> {
  if (!model) return new Map();
  const named = [...model.namedParameters(), ...model.namedBuffers()];
  return new Map(named.toReversed().map(([path, parameter]) => [parameter, path]));
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

/** An axis whose size stays open, and the name of that size. */
interface OpenAxis {
  readonly input: string;
  readonly axis: number;
  readonly size: string;
}

/** The batch on axis 0 of every input that has axes. */
function batchOf(specs: Readonly<Record<string, TensorSpec>>): Record<string, Record<number, string>> {
  const inputs = Object.entries(specs).filter(([, { shape }]) => shape.length > 0);
  if (inputs.length === 0) throw new OpenSizeError(['batch'], 'no input has an axis.');
  return Object.fromEntries(inputs.map(([name]) => [name, { 0: 'batch' }]));
}

function axesOf(specs: Readonly<Record<string, TensorSpec>>, sizes: NonNullable<OnnxOptions['openSizes']>): OpenAxis[] {
  const axes = Object.entries(sizes).flatMap(([input, own]) =>
    Object.entries(own).map(([axis, size]) => ({ input, axis: Number(axis), size })),
  );
  for (const { input, axis } of axes) {
    if (Number.isInteger(axis) && axis >= 0 && axis < (specs[input]?.shape.length ?? 0)) continue;
    throw new Error(
      `exportOnnx: openSizes names axis ${axis} of "${input}", which is none of ${Object.keys(specs).join(', ')}.`,
    );
  }
  const names = new Set(axes.map(({ size }) => size));
  if (names.size > MOST_OPEN) {
    throw new Error(
      `exportOnnx: at most ${MOST_OPEN} sizes can stay open, but openSizes names ${[...names].join(', ')}.`,
    );
  }
  return axes;
}

function recordEverySize({ fn, specs, names }: Source, axes: readonly OpenAxis[]): OnnxRecord {
  const open = [...new Set(axes.map(({ size }) => size))];
  const samples = samplesOf(open).map((sizes) => {
    const resized = Object.entries(specs).map(([name, { shape, dtype }]) => {
      const own = axes.filter(({ input }) => input === name);
      return [name, { dtype, shape: own.reduce((all, { axis, size }) => all.with(axis, sizes[size]), shape) }] as const;
    });
    try {
      return { sizes, record: withoutUnused(recordOnnx({ fn, specs: Object.fromEntries(resized), names })) };
    } catch (error) {
      const given = Object.entries(sizes).map(([name, size]) => `${name} ${size}`);
      throw new OpenSizeError(open, `for ${given.join(', ')} the function fails: ${(error as Error).message}`);
    }
  });
  return mergeSamples(samples, new Map(axes.toReversed().map(({ size, input, axis }) => [size, { input, axis }])));
}
