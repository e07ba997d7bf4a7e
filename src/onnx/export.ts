// exportOnnx(): exports a function and its parameters for ONNX Runtime, Triton and other ONNX runtimes.

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

/** The part of Module that is needed: parameters and buffers by path. */
interface Named {
  namedParameters(): ReadonlyMap<string, Parameter>;
  namedBuffers(): ReadonlyMap<string, Parameter>;
}

export interface OnnxOptions {
  /** Keeps the batch size open: shorthand for `openSizes` with 'batch' on axis 0 of every input. */
  readonly dynamicBatch?: boolean;
  /**
   * Sizes that may differ between runs, by input and axis, with their names in the file: `{ ids: { 0: 'batch', 1: 'length' } }`.
   * The function is traced with several values of each; an OpenSizeError says where it depends on them other than as sizes, or
   * for which value it fails.
   */
  readonly openSizes?: Readonly<Record<string, Readonly<Record<number, string>>>>;
  /** Names the file's parameters by their path in this model; by default by `Parameter.name`. */
  readonly model?: Named;
  /** The graph's name (default 'graph'). */
  readonly name?: string;
  /** The file's `producer_version`. */
  readonly version?: string;
  /** Stored in the file's `metadata_props`: the config, the vocabulary … */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Weights above this total in bytes go to a separate file (default just below 2 GiB, protobuf's limit). */
  readonly inlineLimit?: number;
  /** That file's name (default 'model.onnx.data'). It must be in the model's folder under this name. */
  readonly externalName?: string;
}

/** An input or output of an exported model. An open size is a string, such as 'batch' or '2*batch'. */
export interface OnnxPortInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

/** An exported model: the bytes of its file, and of a weights file if they exceed `inlineLimit`. */
export interface OnnxModel extends Encoded {
  readonly opset: number;
  readonly inputs: readonly OnnxPortInfo[];
  readonly outputs: readonly OnnxPortInfo[];
  readonly nodes: number;
  /** Current values of the extra inputs: scalars, and parameters that the function updates. */
  readonly state: Readonly<Record<string, TensorData>>;
}

/**
 * Exports `fn`, traced with symbolic tensors of the given specs, as an ONNX model (opset 17). Needs no device. Inputs have the
 * names of `specs`, outputs those of the record that `fn` returns ('output' for a single tensor). Parameters become
 * initializers with their current values; one that `fn` assigns becomes an input, and its new value the output `NAME.next`.
 * A `Scalar` becomes an input, too.
 * @throws an Error that names an op that cannot be exported.
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
  // Throws for ops that cannot be exported at all.
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

/** The current values of scalars and parameters that are inputs. */
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

/** An axis with an open size, and the size's name. */
interface OpenAxis {
  readonly input: string;
  readonly axis: number;
  readonly size: string;
}

/** 'batch' on axis 0 of every input that has axes. */
function batchOf(specs: Readonly<Record<string, TensorSpec>>): Record<string, Record<number, string>> {
  const inputs = Object.entries(specs).filter(([, { shape }]) => shape.length > 0);
  if (inputs.length === 0) throw new OpenSizeError(['batch'], 'no input has any axes.');
  return Object.fromEntries(inputs.map(([name]) => [name, { 0: 'batch' }]));
}

function axesOf(specs: Readonly<Record<string, TensorSpec>>, sizes: NonNullable<OnnxOptions['openSizes']>): OpenAxis[] {
  const axes = Object.entries(sizes).flatMap(([input, own]) =>
    Object.entries(own).map(([axis, size]) => ({ input, axis: Number(axis), size })),
  );
  for (const { input, axis } of axes) {
    if (Number.isInteger(axis) && axis >= 0 && axis < (specs[input]?.shape.length ?? 0)) continue;
    throw new Error(
      `exportOnnx: openSizes names axis ${axis} of "${input}", which does not exist; the inputs are ${Object.keys(specs).join(', ')}.`,
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
