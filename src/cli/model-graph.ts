// A registered model as functions to compile: its forward pass, and a step of its training.

import type { ModelEntry } from '../../models/index.ts';
import {
  AdamW,
  grad,
  RandomSource,
  spec,
  withTraining,
  type Layer,
  type Tensor,
  type TensorSpec,
  type TypedArray,
} from '../node.ts';

/** A function to compile, what it takes, and random inputs for it. */
export interface ModelGraph {
  readonly fn: (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;
  readonly specs: Readonly<Record<string, TensorSpec>>;
  readonly inputs: Readonly<Record<string, TypedArray>>;
}

const CLASSES = 10;

/** The forward pass of `model`, or with `train` a step with AdamW, on a batch of random images. */
export function modelGraph(
  { task }: ModelEntry,
  model: Layer,
  { batch, train, seed }: { readonly batch: number; readonly train: boolean; readonly seed: number },
): ModelGraph {
  const random = new RandomSource(seed);
  const image = Float32Array.from({ length: batch * 1024 }, () => random.uniform());
  const imageSpec = spec([batch, 1, 32, 32]);
  if (!train) {
    return {
      fn: (inputs) => ({ logits: model.forward(inputs.image) }),
      specs: { image: imageSpec },
      inputs: { image },
    };
  }
  const optimizer = new AdamW(model.parameters(), {});
  const compute = task(model);
  return {
    fn: (inputs) => {
      const results = withTraining(true, () => compute(inputs));
      optimizer.step(grad(results.loss, optimizer.parameters));
      return results;
    },
    specs: { image: imageSpec, label: spec([batch], 'i32') },
    inputs: { image, label: Int32Array.from({ length: batch }, () => random.integer(CLASSES)) },
  };
}
