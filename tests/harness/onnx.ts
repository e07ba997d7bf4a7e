// Runs an exported model with ONNX Runtime (wasm build).

import * as ort from 'onnxruntime-web/wasm';
import type { DType, TensorData, TypedArray } from '../../src/core/dtype.ts';
import type { OnnxModel } from '../../src/onnx/export.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const types = { f32: 'float32', f16: 'float16', i32: 'int32', u32: 'uint32', bool: 'bool' } as const;
const back: Readonly<Record<string, DType>> = Object.fromEntries(
  Object.entries(types).map(([dtype, type]) => [type, dtype as DType]),
);

function toOrt({ dtype, shape, data }: TensorData): ort.Tensor {
  const values = dtype === 'bool' ? Uint8Array.from(data) : data.slice();
  return new ort.Tensor(types[dtype], values as Float32Array, shape);
}

function fromOrt({ type, dims, data }: ort.Tensor): TensorData {
  const dtype = back[type];
  if (dtype === undefined) throw new Error(`ONNX Runtime returned the unsupported type ${type}.`);
  const values = dtype === 'bool' ? Uint32Array.from(data as Uint8Array) : (data as TypedArray);
  return { dtype, shape: dims, data: values };
}

/** A file's chunks as one array. */
export async function joined(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

/** ONNX Runtime's outputs for each of `runs`. */
export async function runOnnx(
  { model, externalData }: OnnxModel,
  runs: readonly Readonly<Record<string, TensorData>>[],
): Promise<Record<string, TensorData>[]> {
  const beside = externalData ? [{ path: externalData.name, data: await joined(externalData) }] : [];
  const session = await ort.InferenceSession.create(model, { externalData: beside, graphOptimizationLevel: 'all' });
  try {
    const results = [];
    for (const inputs of runs) {
      const feeds = Object.entries(inputs).map(([name, value]) => [name, toOrt(value)] as const);
      const outputs = await session.run(Object.fromEntries(feeds));
      results.push(Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, fromOrt(value)])));
    }
    return results;
  } finally {
    await session.release();
  }
}
