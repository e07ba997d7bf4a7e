// Encodes an ONNX record as a ModelProto, with its weights inside or in a separate file.

import type { onnx } from 'onnx-proto';
import type { OnnxAttributes } from '../core/onnx.ts';
import { dimName, type Dim } from './dim.ts';
import { elementTypes, type Initializer, type OnnxPort, type OnnxRecord } from './record.ts';

/** The version of ONNX's operator set, and of the file format released with it. */
export const [OPSET, IR_VERSION] = [17, 8];

/** Tensors of fewer bytes always stay in the model's file. */
const SMALL = 1024;
/** Alignment of tensors in the separate file, so that it can be memory-mapped. */
const ALIGNMENT = 4096;

/** A model's fields besides its graph. */
export interface ModelDetails {
  readonly name: string;
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Weights of more bytes in total than `inlineLimit` go to a file with this name. */
  readonly externalName: string;
  readonly inlineLimit: number;
}

export interface Encoded {
  readonly model: Uint8Array<ArrayBuffer>;
  readonly externalData?: { readonly name: string; readonly data: Uint8Array<ArrayBuffer> };
}

interface TensorBytes {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly bytes: Uint8Array;
}

export async function encodeModel(record: OnnxRecord, details: ModelDetails): Promise<Encoded> {
  // Loaded only for export, because the schema is large. Its field numbers are ONNX's own.
  const loaded = await import('onnx-proto');
  const { ModelProto } = ('default' in loaded ? (loaded.default as typeof loaded) : loaded).onnx;
  const tensors: TensorBytes[] = [];
  for (const [name, initializer] of record.initializers) tensors.push(await bytesOf(name, initializer));
  const total = tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const external = total > details.inlineLimit ? new ExternalFile(details.externalName) : null;
  const graph: onnx.IGraphProto = {
    name: details.name,
    node: record.nodes.map(({ type, inputs, outputs, attributes }) => ({
      opType: type,
      name: outputs[0],
      input: [...inputs],
      output: [...outputs],
      attribute: attributesOf(attributes),
    })),
    input: record.inputs.map(portOf),
    output: record.outputs.map(portOf),
    initializer: tensors.map(({ name, dims, dataType, bytes }) => ({
      name,
      dims: [...dims],
      dataType,
      ...(external && bytes.length >= SMALL ? external.add(bytes) : { rawData: bytes }),
    })),
  };
  const encoded = ModelProto.encode({
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    producerName: 'five-tigers',
    producerVersion: details.producerVersion,
    graph,
    metadataProps: Object.entries(details.metadata).map(([key, value]) => ({ key, value })),
  }).finish();
  const model = new Uint8Array(encoded.buffer as ArrayBuffer, encoded.byteOffset, encoded.length);
  return external ? { model, externalData: external.finish() } : { model };
}

async function bytesOf(name: string, initializer: Initializer): Promise<TensorBytes> {
  if (initializer.kind === 'ints' || initializer.kind === 'range') {
    const numbers = initializer.kind === 'ints' ? initializer.values : Array(initializer.count).keys();
    const values = BigInt64Array.from([...numbers].map(BigInt));
    return { name, dims: [values.length], dataType: elementTypes.i64, bytes: viewOf(values) };
  }
  if (initializer.kind === 'parameter') {
    const { dtype, shape, data } = await initializer.parameter.read();
    return { name, dims: shape, dataType: elementTypes[dtype], bytes: viewOf(dtype === 'bool' ? truths(data) : data) };
  }
  const { type, shape, data } = initializer;
  const bytes = viewOf(type === 'bool' ? truths(data as Uint32Array) : data);
  return { name, dims: shape, dataType: elementTypes[type], bytes };
}

const viewOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** ONNX stores a bool in one byte. */
const truths = (data: ArrayLike<number>): Uint8Array => Uint8Array.from(data, (value) => Number(value !== 0));

/** Values of AttributeProto.AttributeType. */
const [FLOAT, INT, STRING, INTS, STRINGS] = [1, 2, 3, 7, 8];

function attributesOf(attributes: OnnxAttributes): onnx.IAttributeProto[] {
  const text = new TextEncoder();
  return Object.entries(attributes).map(([name, value]): onnx.IAttributeProto => {
    if (typeof value === 'number') return { name, type: INT, i: value };
    if (typeof value === 'string') return { name, type: STRING, s: text.encode(value) };
    if ('float' in value) return { name, type: FLOAT, f: value.float };
    if (value.every((one) => typeof one === 'string')) {
      return { name, type: STRINGS, strings: value.map((one) => text.encode(one)) };
    }
    return { name, type: INTS, ints: [...value] as number[] };
  });
}

const dimOf = (dim: Dim): onnx.TensorShapeProto.IDimension =>
  typeof dim === 'number' ? { dimValue: dim } : { dimParam: dimName(dim) };

const portOf = ({ name, dtype, shape }: OnnxPort): onnx.IValueInfoProto => ({
  name,
  type: { tensorType: { elemType: elementTypes[dtype], shape: { dim: shape.map(dimOf) } } },
});

/** The separate weights file. */
class ExternalFile {
  readonly #name: string;
  readonly #parts: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #size = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Appends a tensor's bytes and returns the fields that locate them. */
  add(bytes: Uint8Array): Pick<onnx.ITensorProto, 'dataLocation' | 'externalData'> {
    const at = Math.ceil(this.#size / ALIGNMENT) * ALIGNMENT;
    this.#parts.push({ at, bytes });
    this.#size = at + bytes.length;
    const entries = { location: this.#name, offset: String(at), length: String(bytes.length) };
    return { dataLocation: 1, externalData: Object.entries(entries).map(([key, value]) => ({ key, value })) };
  }

  finish(): NonNullable<Encoded['externalData']> {
    const data = new Uint8Array(this.#size);
    for (const { at, bytes } of this.#parts) data.set(bytes, at);
    return { name: this.#name, data };
  }
}
