// A table of vectors that numbers are looked up in.

import type { Parameter, Tensor } from '../../core/tensor.ts';
import { embedding } from '../../ops/indexing/embedding.ts';
import { normalParameter } from '../init.ts';
import { Module } from '../module.ts';

/** Rows of a table by number, as torch.nn.Embedding: i32 [...] → [..., width]. */
export class Embedding extends Module {
  /** [count, width] */
  readonly weight: Parameter;
  readonly #paddingIdx: number | undefined;

  /** `paddingIdx` names a row of zeros that gets no gradient, counted from the end when negative. */
  constructor(count: number, width: number, { paddingIdx }: { paddingIdx?: number } = {}) {
    super();
    this.weight = normalParameter('weight', [count, width]);
    this.#paddingIdx = paddingIdx;
    if (paddingIdx === undefined) return;
    const row = paddingIdx < 0 ? paddingIdx + count : paddingIdx;
    this.weight.hostValues.fill(0, row * width, (row + 1) * width);
  }

  forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight, { paddingIdx: this.#paddingIdx });
  }
}
