// Exports a registered model to ONNX, with an open batch size if the graph allows it.

import type { ModelEntry } from '../../../models/index.ts';
import { exportOnnx, OpenSizeError, type Module, type OnnxModel, type OnnxOptions } from '../../node.ts';

/** An exported model. `fixed` says why its batch size is fixed although that was not requested. */
export interface ExportedModel extends OnnxModel {
  readonly fixed?: string;
}

/** Exports the forward pass of `model`, for any batch size or, with `batch`, for that one. */
export async function exportModel(
  entry: ModelEntry,
  model: Module,
  { batch, ...options }: OnnxOptions & { readonly batch?: number } = {},
): Promise<ExportedModel> {
  const settings = { name: entry.name, model, ...options };
  const exampleOf = (size: number) => entry.example!(model, size, 1).forward;
  const fixed = () => exportOnnx(exampleOf(batch ?? 1).fn, exampleOf(batch ?? 1).specs, settings);
  if (batch !== undefined) return fixed();

  // The batch axis of an input is the one in which examples of two batch sizes differ.
  const [few, many] = [exampleOf(2), exampleOf(3)];
  const axes = Object.entries(few.specs).flatMap(([name, { shape }]) => {
    const axis = shape.findIndex((size, i) => size === 2 && many.specs[name].shape[i] === 3);
    return axis < 0 ? [] : [[name, axis] as const];
  });
  if (axes.length === 0) return { ...(await fixed()), fixed: 'No input has a batch axis.' };
  const [[first, axis]] = axes;
  const fn: typeof few.fn = (inputs) => exampleOf(inputs[first].shape[axis]).fn(inputs);
  const batches = Object.fromEntries(axes.map(([name, at]) => [name, { [at]: 'batch' }]));
  const open = (openSizes: OnnxOptions['openSizes']) => exportOnnx(fn, few.specs, { ...settings, openSizes });
  // Integers [B, T] are tokens; their length stays open if the model supports it.
  const texts = axes.filter(
    ([name, at]) => few.specs[name].dtype === 'i32' && at === 0 && few.specs[name].shape.length === 2,
  );
  try {
    if (texts.length > 0) {
      const lengths = Object.fromEntries(texts.map(([name]) => [name, { 0: 'batch', 1: 'length' }]));
      const both = await open({ ...batches, ...lengths }).catch(ifOpen);
      if (both) return both;
    }
    return await open(batches);
  } catch (error) {
    ifOpen(error);
    return { ...(await fixed()), fixed: (error as Error).message };
  }
}

/** Ignores an OpenSizeError, and rethrows any other. */
function ifOpen(error: unknown): void {
  if (!(error instanceof OpenSizeError)) throw error;
}
