// Rows of a tensor along one of its axes: where each begins, how far apart its values lie, and their sums.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { turns } from './grid.wgsl.ts';

/** A tensor seen as rows along one axis. */
export interface RowsShape {
  readonly rows: number;
  /** Values in a row, and the distance between two of them; rows with equal `row / stride` interleave. */
  readonly length: number;
  readonly stride: number;
}

/** A WGSL expression for the offset of the first value of row number `row`. */
export const rowStart = ({ length, stride }: RowsShape, row = 'row'): string =>
  stride === 1 ? `${row} * ${length}u` : `(${row} / ${stride}u) * ${length * stride}u + ${row} % ${stride}u`;

/** Values that are added one after the other before their sum is added to others. */
const BLOCK = 32;

/**
 * Adds `value` of each `i` below `count` to `total`, in a kernel that has `once`; `statements` come before it. Long sums are sums of
 * sums: rounding errors grow with the length of either, not with their product.
 */
export const addUp = (count: number, value: string, { type = 'f32', i = 'i', statements = '' } = {}): string => wgsl`
#if ${count <= 2 * BLOCK}
  for (var ${i} = 0u; ${i} < ${turns(count)}; ${i}++) { ${statements} total += ${value}; }
#else
  for (var block = 0u; block < ${count}u; block += ${BLOCK}u) {
    var part = ${type}();
    for (var ${i} = block; ${i} < min(block + ${BLOCK}u * once, ${count}u); ${i}++) { ${statements} part += ${value}; }
    total += part;
  }
#endif
`;
