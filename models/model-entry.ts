// What each model tells of itself in the registry, so that the command line knows none of them by name.

import type { Augmentation, Layer, Tensor } from '../src/index.ts';

/** How the shipped weights were trained: the defaults of a run. */
export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  /** For Adam and AdamW. */
  readonly learningRate: number;
  readonly augment: Augmentation;
}

/** A model that tells digits apart: images `[B, 1, 32, 32]` from 0 to 1 become logits `[B, 10]`. */
export interface ModelEntry {
  /** Name and paper, for people. */
  readonly title: string;
  /** Name of the shipped weights' config. */
  readonly config: string;
  /** A model with fresh weights, for each config by name. */
  readonly configs: Readonly<Record<string, () => Layer>>;
  /** What a batch (`image`, `label` `[B]` i32) gives in training. */
  readonly task: (
    model: Layer,
  ) => (batch: Readonly<Record<string, Tensor>>) => { readonly loss: Tensor; readonly logits: Tensor };
  readonly recipe: Recipe;
  /** The shipped weights, a safetensors file. */
  readonly weights: URL;
}
