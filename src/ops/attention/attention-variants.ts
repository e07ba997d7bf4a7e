// Kernel variants of attention and its gradients, and which of them comes first.

import { attentionDecode, DECODE_ROWS } from '../../../shaders/attention/attention-decode.wgsl.ts';
import {
  attentionGradKeySerial, attentionGradMaskSerial, attentionGradQuerySerial,
} from '../../../shaders/attention/attention-grad.wgsl.ts'; // prettier-ignore
import { keyScores, pairsOf, queryScores } from '../../../shaders/attention/attention-grad-scores.wgsl.ts';
import { attentionScores, scoresScratch } from '../../../shaders/attention/attention-scores.wgsl.ts';
import {
  attentionFlash, attentionGradKeyFlash, attentionGradQueryFlash, LARGEST_DEPTH,
} from '../../../shaders/attention/attention-tile.wgsl.ts'; // prettier-ignore
import { attentionSerial, type AttentionShape } from '../../../shaders/attention/attention.wgsl.ts';
import { MOST_SOFTWARE_SCRATCH, type Capabilities, type Kernel, type Variant } from '../../core/kernel.ts';
import type { Shape } from '../../core/shape.ts';

/** True if `size` numbers of scratch pay off: on software adapters, without a run-time length, which products cannot exploit. */
const pays = ({ keys, numbers }: AttentionShape, size: number, { software }: Capabilities): boolean =>
  software && keys > 0 && size > 0 && numbers !== 'length' && 4 * size <= MOST_SOFTWARE_SCRATCH;

/** Whether tiles pay off and fit a thread's registers. */
const fitsTiles = (s: AttentionShape): boolean => s.rows > DECODE_ROWS && Math.max(s.depth, s.width) <= LARGEST_DEPTH;

/** One thread per row, and tiles if they fit. */
function rowsOrTiles(s: AttentionShape, serial: Kernel, flash: () => Kernel, { software }: Capabilities): Variant[] {
  const rows = { name: 'serial', kernels: [serial] };
  if (!fitsTiles(s)) return [rows];
  const tiles = { name: 'flash', kernels: [flash()] };
  return software ? [rows, tiles] : [tiles, rows];
}

/** Variants of the forward pass. */
export function attentionVariants(s: AttentionShape, capabilities: Capabilities): Variant[] {
  const variants = rowsOrTiles(s, attentionSerial(s), () => attentionFlash(s), capabilities);
  if (pays(s, scoresScratch(s), capabilities)) variants.unshift(attentionScores(s, capabilities));
  if (s.keys === 0 || s.rows > DECODE_ROWS) return variants;
  const decode = attentionDecode(s);
  return capabilities.software ? [...variants, decode] : [decode, ...variants];
}

/** Variants of the gradient of q. */
export function queryGradientVariants(s: AttentionShape, capabilities: Capabilities): Variant[] {
  const variants = rowsOrTiles(s, attentionGradQuerySerial(s), () => attentionGradQueryFlash(s), capabilities);
  return pays(s, 2 * pairsOf(s), capabilities) ? [queryScores(s, capabilities), ...variants] : variants;
}

/** Variants of the gradients of k and v. */
export function keyGradientVariants(s: AttentionShape, capabilities: Capabilities): Variant[] {
  const variants = rowsOrTiles(s, attentionGradKeySerial(s), () => attentionGradKeyFlash(s), capabilities);
  return pays(s, 2 * pairsOf(s), capabilities) ? [keyScores(s, capabilities), ...variants] : variants;
}

/** Variants of the gradient of the mask, which has this shape. */
export const maskGradientVariants = (s: AttentionShape, shape: Shape): Variant[] => [
  { name: 'serial', kernels: [attentionGradMaskSerial(s, shape)] },
];
