// A registered model as an ONNX model, its batch size open where the graph allows it.

import type { ModelEntry } from '../../../models/index.ts';
import { DynamicBatchError, exportOnnx, type Module, type OnnxModel, type OnnxOptions } from '../../node.ts';

/** An exported model. `fixed` says why its batch size is not open, where that was not asked for. */
export interface ExportedModel extends OnnxModel {
  readonly fixed?: string;
}

/** Exports the forward pass of `model`, for every batch size or, with `batch`, for that one. */
export async function exportModel(
  entry: ModelEntry,
  model: Module,
  { batch, ...options }: OnnxOptions & { readonly batch?: number } = {},
): Promise<ExportedModel> {
  const named = [...model.namedParameters(), ...model.namedBuffers()];
  const names = new Map(named.toReversed().map(([path, parameter]) => [parameter, path] as const));
  const settings = { name: entry.name, names, ...options };
  const exampleOf = (size: number) => entry.example!(model, size, 1).forward;
  const fixed = () => exportOnnx(exampleOf(batch ?? 1).fn, exampleOf(batch ?? 1).specs, settings);
  if (batch !== undefined) return fixed();

  // The batch axis of an input is the one in which examples of two sizes differ.
  const [few, many] = [exampleOf(2), exampleOf(3)];
  const axes = Object.entries(few.specs).flatMap(([name, { shape }]) => {
    const axis = shape.findIndex((size, i) => size === 2 && many.specs[name].shape[i] === 3);
    return axis < 0 ? [] : [[name, axis] as const];
  });
  try {
    if (axes.length === 0) throw new DynamicBatchError('no input has an axis of examples.');
    const [[first, axis]] = axes;
    const fn: typeof few.fn = (inputs) => exampleOf(inputs[first].shape[axis]).fn(inputs);
    return await exportOnnx(fn, few.specs, { ...settings, dynamicBatch: Object.fromEntries(axes) });
  } catch (error) {
    if (!(error instanceof DynamicBatchError)) throw error;
    return { ...(await fixed()), fixed: error.message };
  }
}
