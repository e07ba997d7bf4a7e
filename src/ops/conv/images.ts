// Helpers for ops composed of image ops: sequences as images of one row, and errors in the caller's name.

import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { reshape } from '../movement/reshape.ts';

/** Runs `build`; errors of its ops also say that `who` was called, and with which shapes. */
export function speakingOf(who: string, inputs: readonly Tensor[], build: () => Tensor): Tensor {
  try {
    return build();
  } catch (error) {
    const shapes = inputs.map(({ shape }) => formatShape(shape)).join(' and ');
    throw new Error(`${who}, called with ${shapes}: ${(error as Error).message}`, { cause: error });
  }
}

/** A sequence [A, B, L] as an image of one row, [A, B, 1, L]. */
export function asImage(x: Tensor): Tensor {
  const { shape } = x;
  if (shape.length !== 3) throw new Error(`inputs need 3 axes, such as [N, C, L], but got ${formatShape(shape)}.`);
  return reshape(x, [shape[0], shape[1], 1, shape[2]]);
}

/** An image of one row as a sequence: the inverse of `asImage`. */
export const fromImage = (x: Tensor): Tensor => reshape(x, [x.shape[0], x.shape[1], x.shape[3]]);
