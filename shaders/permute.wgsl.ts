// Copies x to y with other strides: one thread an element of y.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './lib/grid.wgsl.ts';
import { stridedOffset } from './lib/index.wgsl.ts';

/** `strides[i]`: distance in x between neighbours along axis i of y. */
export const permuteKernel = (shape: readonly number[], strides: readonly number[]): string => wgsl`
${linearMain(shape.reduce((size, dim) => size * dim, 1))}
  y[index] = x[${stridedOffset('index', shape, strides)}];
}
`;
