// Copies between x and strided places in y, or the other way round: behind permute, slice and concat.
//
// copy   one thread an element that is copied, or four neighbours as a vec4 where whole ones lie side by side on both sides; on
//        software adapters several of them, a workgroup apart. No barrier.
// tiled  for axes that change places: a workgroup moves 32 × 32 elements through its memory, so that neighbouring threads read
//        neighbours of x and write neighbours of y. A row of the tile has 33 places: a column lies in different banks.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearLoop } from '../lib/grid.wgsl.ts';
import { stridedOffset, type StridedShape } from '../lib/index.wgsl.ts';

/** Which elements (or vec4s) are copied: the strided side starts at `base` and has `strides[i]` between neighbours along axis i. */
export interface StridedCopy extends StridedShape {
  readonly base: number;
}

const count = ({ shape }: StridedCopy) => shape.reduce((size, dim) => size * dim, 1);
const strided = ({ shape, strides, base }: StridedCopy) => `${base}u + ${stridedOffset('index', shape, strides)}`;

/** y, row-major, from strided places of x. */
export const gatherKernel = (copy: StridedCopy, perThread: number): string =>
  linearLoop(count(copy), perThread, `y[index] = x[${strided(copy)}];`);

/** x, row-major, to strided places of y; the others stay as they are. */
export const scatterKernel = (copy: StridedCopy, perThread: number): string =>
  linearLoop(count(copy), perThread, `y[${strided(copy)}] = x[index];`);

const [TILE, TILE_ROWS] = [32, 8];

/** A permutation as many transposed matrices: neighbours of x lie along its columns, those of y along its rows. */
export interface TiledTranspose {
  readonly rows: number;
  readonly columns: number;
  /** Between two rows in x, and between two columns in y. */
  readonly rowStride: number;
  readonly columnStride: number;
  /** The other axes, with their strides in x and y. */
  readonly batch: readonly number[];
  readonly batchStridesX: readonly number[];
  readonly batchStridesY: readonly number[];
}

/** Workgroups of the tiled kernel. */
export const transposeTiles = ({ rows, columns, batch }: TiledTranspose): number =>
  batch.reduce((tiles, dim) => tiles * dim, Math.ceil(rows / TILE) * Math.ceil(columns / TILE));

export function transposeKernel(s: TiledTranspose, type: string): string {
  const [across, down] = [Math.ceil(s.columns / TILE), Math.ceil(s.rows / TILE)];
  return wgsl`
var<workgroup> tile: array<${type}, ${TILE * (TILE + 1)}>;

@compute @workgroup_size(${TILE}, ${TILE_ROWS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  // A folded grid has a few groups too many: they copy the last tile again.
  let number = min(group.y * groups.x + group.x, ${transposeTiles(s) - 1}u);
  let batch = number / ${across * down}u;
  let first_row = ((number / ${across}u) % ${down}u) * ${TILE}u;
  let first_column = (number % ${across}u) * ${TILE}u;
  let base_x = ${stridedOffset('batch', s.batch, s.batchStridesX)};
  let base_y = ${stridedOffset('batch', s.batch, s.batchStridesY)};
  for (var i = local.y; i < ${TILE}u; i += ${TILE_ROWS}u) {
    let row = first_row + i;
    let column = first_column + local.x;
    if (row < ${s.rows}u && column < ${s.columns}u) {
      tile[i * ${TILE + 1}u + local.x] = x[base_x + row * ${s.rowStride}u + column];
    }
  }
  workgroupBarrier();
  for (var i = local.y; i < ${TILE}u; i += ${TILE_ROWS}u) {
    let row = first_row + local.x;
    let column = first_column + i;
    if (row < ${s.rows}u && column < ${s.columns}u) {
      y[base_y + column * ${s.columnStride}u + row] = tile[local.x * ${TILE + 1}u + i];
    }
  }
}
`;
}
