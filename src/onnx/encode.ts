// Encodes an ONNX record as a ModelProto, with its weights inside or in a separate file.

import type { onnx } from 'onnx-proto';
import type { OnnxAttributes } from '../core/onnx.ts';
import { dimName, type Dim } from './dim.ts';
import { elementTypes, type OnnxPort, type OnnxRecord } from './record.ts';
import { ExternalData, storedTensor } from './stored-tensors.ts';

/** The version of ONNX's operator set, and of the file format released with it. */
export const [OPSET, IR_VERSION] = [17, 8];

/** Tensors of fewer bytes always stay in the model's file. */
const SMALL = 1024;

/** A model's fields besides its graph. */
export interface ModelDetails {
  readonly name: string;
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Weights of more bytes in total than `inlineLimit` go to a file with this name. */
  readonly externalName: string;
  readonly inlineLimit: number;
}

/** A model's file, and a weights file if they exceed `inlineLimit`. */
export interface Encoded {
  readonly model: Uint8Array<ArrayBuffer>;
  readonly externalData?: ExternalData;
}

export async function encodeModel(record: OnnxRecord, details: ModelDetails): Promise<Encoded> {
  // Loaded only for export, because the schema is large. Its field numbers are ONNX's own.
  const loaded = await import('onnx-proto');
  const { ModelProto } = ('default' in loaded ? (loaded.default as typeof loaded) : loaded).onnx;
  const tensors = [...record.initializers].map(([name, initializer]) => storedTensor(name, initializer));
  const total = tensors.reduce((sum, { size }) => sum + size, 0);
  const external = total > details.inlineLimit ? new ExternalData(details.externalName) : null;
  const initializers: onnx.ITensorProto[] = [];
  for (const tensor of tensors) {
    const { name, dims, dataType, size } = tensor;
    const values = external && size >= SMALL ? external.add(tensor) : { rawData: await tensor.read() };
    initializers.push({ name, dims: [...dims], dataType, ...values });
  }
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
    initializer: initializers,
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
  return external ? { model, externalData: external } : { model };
}

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
