// Rows of a tensor along one of its axes: their start, their stride, and their sums.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { turns } from './grid.wgsl.ts';

/** A tensor seen as rows along one axis. */
export interface RowsShape {
  readonly rows: number;
  /** Values per row, and the stride between them; rows with equal `row / stride` interleave. */
  readonly length: number;
  readonly stride: number;
}

/** A WGSL expression for the offset of the first value of row `row`. */
export const rowStart = ({ length, stride }: RowsShape, row = 'row'): string =>
  stride === 1 ? `${row} * ${length}u` : `(${row} / ${stride}u) * ${length * stride}u + ${row} % ${stride}u`;

/** Values that are added sequentially before their sum is added to others. */
const BLOCK = 32;

/**
 * Adds `value` for each `i` below `count` to `total`, in a kernel that declares `once`; `statements` come before it. Long sums
 * are summed in blocks: rounding errors grow with the number and size of blocks, not with their product.
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
