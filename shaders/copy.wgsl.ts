// Copies between x and strided places in y, or the other way round: behind permute, slice and concat.
//
// Thread map: one thread an element that is copied. No barrier: one variant serves all.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './lib/grid.wgsl.ts';
import { stridedOffset } from './lib/index.wgsl.ts';

/** Which elements are copied: the strided side starts at `base` and has `strides[i]` between neighbours along axis i. */
export interface StridedCopy {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly base: number;
}

const threads = ({ shape }: StridedCopy) => shape.reduce((size, dim) => size * dim, 1);
const strided = ({ shape, strides, base }: StridedCopy) => `${base}u + ${stridedOffset('index', shape, strides)}`;

/** y, row-major, from strided places of x. */
export const gatherKernel = (copy: StridedCopy): string => wgsl`
${linearMain(threads(copy))}
  y[index] = x[${strided(copy)}];
}
`;

/** x, row-major, to strided places of y; the others stay as they are. */
export const scatterKernel = (copy: StridedCopy): string => wgsl`
${linearMain(threads(copy))}
  y[${strided(copy)}] = x[index];
}
`;
