// Pads a tensor with a constant or with its own values.

import type { PadEdgesMode } from '../../../shaders/movement/pad-edges.wgsl.ts';
import { fill, type Tensor } from '../../core/tensor.ts';
import { where } from '../elementwise/where.ts';
import { expand } from './expand.ts';
import { padEdges } from './pad-edges.ts';
import { padWithSpacing } from './slice.ts';

/** What a tensor is padded with. */
export interface PadOptions {
  /** 'constant' (the default): `value`. Else values of x: mirrored at the edge, the edge's, or those of the opposite side. */
  readonly mode?: 'constant' | PadEdgesMode;
  /** With mode 'constant'; 0 by default. */
  readonly value?: number;
}

/** `x` padded with `before[i]` values at the start of axis i and `after[i]` at its end: zeros, or see `options`. */
export function pad(
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  { mode = 'constant', value = 0 }: PadOptions = {},
): Tensor {
  if (mode !== 'constant') return padEdges(x, before, after, mode);
  const spacing = x.shape.map(() => 1);
  const padded = padWithSpacing(x, before, after, spacing);
  if (value === 0) return padded;
  return where(padWithSpacing(expand(fill([], 1, 'bool'), x.shape), before, after, spacing), padded, value);
}
