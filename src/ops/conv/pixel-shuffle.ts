// Moves channels into spatial axes and back, by reshapes and permutations.

import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { permute } from '../movement/permute.ts';
import { reshape } from '../movement/reshape.ts';

/** The axes of x before the last three, and those; throws unless they are multiples of `multiples`. */
function split(who: string, x: Tensor, multiples: readonly [number, number, number]): [number[], number[]] {
  const { shape } = x;
  const last = shape.slice(-3);
  if (shape.length < 3 || multiples.some((n, i) => !Number.isInteger(n) || n < 1 || last[i] % n !== 0)) {
    throw new Error(
      `${who}: x must be [..., C, H, W] with multiples of [${multiples.join(', ')}], but is ${formatShape(shape)}.`,
    );
  }
  return [shape.slice(0, -3), last];
}

/** Reshapes the inner axes to `parts`, permutes these by `order`, and reshapes them to `result`. */
function moved(x: Tensor, outer: number[], parts: number[], order: number[], result: number[]): Tensor {
  const n = outer.reduce((size, dim) => size * dim, 1);
  const reordered = permute(reshape(x, [n, ...parts]), [0, ...order.map((axis) => axis + 1)]);
  return reshape(reordered, [...outer, ...result]);
}

/** [..., C · r², H, W] → [..., C, H · r, W · r], as torch.nn.functional.pixel_shuffle. */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  const [outer, [channels, height, width]] = split('pixelShuffle', x, [factor * factor, 1, 1]);
  const c = channels / factor ** 2;
  const parts = [c, factor, factor, height, width];
  return moved(x, outer, parts, [0, 3, 1, 4, 2], [c, height * factor, width * factor]);
}

/** [..., C, H · r, W · r] → [..., C · r², H, W]: the inverse of pixelShuffle. */
export function pixelUnshuffle(x: Tensor, factor: number): Tensor {
  const [outer, [channels, height, width]] = split('pixelUnshuffle', x, [1, factor, factor]);
  const [h, w] = [height / factor, width / factor];
  return moved(x, outer, [channels, h, factor, w, factor], [0, 2, 4, 1, 3], [channels * factor ** 2, h, w]);
}

/** [..., C, H, W] with the channels of `groups` groups interleaved, as torch.nn.ChannelShuffle. */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  const [outer, last] = split('channelShuffle', x, [groups, 1, 1]);
  const parts = [groups, last[0] / groups, last[1] * last[2]];
  return moved(x, outer, parts, [1, 0, 2], last);
}
