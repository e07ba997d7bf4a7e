// A lookup table of vectors.

import { Parameter } from '../../core/parameter.ts';
import type { Tensor } from '../../core/tensor.ts';
import { embedding } from '../../ops/indexing/embedding.ts';
import { normalValues } from '../init.ts';
import { Module } from '../module.ts';

/** Rows of a table by index, as torch.nn.Embedding: i32 [...] → [..., width]. */
export class Embedding extends Module {
  /** [count, width] */
  readonly weight: Parameter;
  readonly #paddingIdx: number | undefined;

  /** `paddingIdx` is a row of zeros that gets no gradient, counted from the end if negative. */
  constructor(count: number, width: number, { paddingIdx }: { paddingIdx?: number } = {}) {
    super();
    const values = normalValues([count, width]);
    const row = paddingIdx !== undefined && paddingIdx < 0 ? paddingIdx + count : (paddingIdx ?? count);
    this.weight = new Parameter({
      ...values,
      draw: () => values.draw().fill(0, row * width, (row + 1) * width),
    });
    this.#paddingIdx = paddingIdx;
  }

  forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight, { paddingIdx: this.#paddingIdx });
  }
}
