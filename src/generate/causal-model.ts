// What a model must offer to be decoded from: scores of each next token, and a memory of the text so far.

import type { Tensor } from '../core/tensor.ts';

/**
 * A language model that reads a text from left to right. `Memory` is what it keeps of the text between runs, such as
 * key/value caches or the state of a recurrent network: buffers that `forward` updates.
 */
export interface CausalModel<Memory = unknown> {
  /** The most tokens that it can see at once; any number where this is not given. */
  readonly maxPositions?: number;
  /** A new memory for `batch` texts of up to `maxLength` tokens each. */
  memory(batch: number, maxLength: number): Memory;
  /**
   * Ids i32 [B, T] → scores of each next token [B, T, V]. With a memory, `ids` go on from what it holds: `position`, an i32
   * of one number, is the place of the first of them in the text; at 0 the text begins anew, whatever the memory holds.
   */
  forward(ids: Tensor, options?: { readonly memory?: Memory; readonly position?: Tensor }): Tensor;
}
