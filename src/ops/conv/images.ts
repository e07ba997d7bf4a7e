// What ops that are made of ops for images share: sequences as images of one row, and errors in their own name.

import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { reshape } from '../movement/reshape.ts';

/** Runs `build`; an error of one of its ops also says that `who` was called, and with which shapes. */
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
  if (shape.length !== 3) throw new Error(`needs three axes, such as [N, C, L], but got ${formatShape(shape)}.`);
  return reshape(x, [shape[0], shape[1], 1, shape[2]]);
}

/** An image of one row as a sequence: undoes `asImage`. */
export const fromImage = (x: Tensor): Tensor => reshape(x, [x.shape[0], x.shape[1], x.shape[3]]);
