// The interface of models for decoding: logits of each next token, and a memory of the text so far.

import type { Tensor } from '../core/tensor.ts';

/**
 * A causal language model. `Memory` is its state between runs, such as key/value caches or a recurrent state: buffers that
 * `forward` updates.
 */
export interface CausalModel<Memory = unknown> {
  /** Maximum context length in tokens; unlimited if absent. */
  readonly maxPositions?: number;
  /** Allocates a memory for `batch` texts of up to `maxLength` tokens. */
  memory(batch: number, maxLength: number): Memory;
  /**
   * Ids i32 [B, T] → logits of each next token [B, T, V]. With a memory, `ids` continue the text it holds: `position`, an i32
   * scalar, is the position of the first of them in the text; 0 starts a new text, whatever the memory holds.
   */
  forward(ids: Tensor, options?: { readonly memory?: Memory; readonly position?: Tensor }): Tensor;
}
