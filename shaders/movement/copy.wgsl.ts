// Copies between x and strided elements of y, or vice versa: behind permute, flip, slice and concat.
//
// copy   one thread per element, or per vec4 if whole ones are contiguous on both sides; on software adapters several per
//        thread, a workgroup's width apart. No barrier.
// tiled  for transpositions: a workgroup moves 32 × 32 elements through its memory, so that both reads and writes are
//        coalesced. A row of the tile has 33 elements, so that a column falls into different banks.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, perThread, type Capabilities, type ElementType, type Kernel } from '../../src/core/kernel.ts';
import { sizeOf, stridesOf } from '../../src/core/shape.ts';
import { elements } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearLoop } from '../lib/grid.wgsl.ts';
import { inFours, mergeAxes, stridedOffset, type StridedShape } from '../lib/index.wgsl.ts';

/** The elements to copy: the strided side starts at `base` with stride `strides[i]` along axis i. */
export interface StridedCopy extends StridedShape {
  readonly base: number;
  readonly type: StoredType;
}

type StoredType = Extract<ElementType, 'f32' | 'f16' | 'i32' | 'u32'>;

/** Copies strided elements of x to y, row-major: the kernel `OP.copy`. */
export const gatherCopy = (op: string, s: StridedCopy, capabilities: Capabilities): Kernel =>
  copyKernel(op, s, capabilities, (strided) => `y[index] = x[${strided}];`);

/** Copies input `part` of `parts`, row-major, to strided elements of y; the others are unchanged. */
export function scatterCopy(
  op: string,
  s: StridedCopy,
  capabilities: Capabilities,
  part: number,
  parts: number,
): Kernel {
  const kernel = copyKernel(op, s, capabilities, (strided) => `y[${strided}] = x[index];`);
  return { ...kernel, inputs: Array.from({ length: parts }, (_, i) => (i === part ? kernel.inputs[0] : null)) };
}

function copyKernel(op: string, s: StridedCopy, capabilities: Capabilities, body: (strided: string) => string): Kernel {
  const fours = copyInFours(s);
  const { shape, strides, base } = fours ?? s;
  const type = elements(s.type, fours !== null);
  const each = perThread(sizeOf(shape), LINEAR_WORKGROUP, capabilities);
  return {
    name: `${op}.copy`,
    inputs: [{ name: 'x', type }],
    outputs: [{ name: 'y', type }],
    workgroups: linearGrid(Math.ceil(sizeOf(shape) / each), LINEAR_WORKGROUP),
    wgsl: linearLoop(sizeOf(shape), each, body(`${base}u + ${stridedOffset('index', shape, strides)}`)),
  };
}

/** The copy in vec4s, if whole ones are contiguous on both sides. */
function copyInFours({ shape, strides, base }: StridedCopy): Omit<StridedCopy, 'type'> | null {
  if (base % 4 !== 0 || sizeOf(shape) % 4 !== 0) return null;
  // Strides may be negative modulo 2³², which a division would not preserve.
  const fours = inFours(shape, strides.map((stride) => stride | 0)); // prettier-ignore
  if (!fours || fours.same) return null;
  return { shape: fours.shape, strides: fours.strides.map((stride) => stride >>> 0), base: base / 4 };
}

const [TILE, TILE_ROWS] = [32, 8];

/** A permutation as a batch of matrix transpositions: x is contiguous along its columns, y along its rows. */
export interface TiledTranspose {
  readonly rows: number;
  readonly columns: number;
  /** Stride between rows in x, and between columns in y. */
  readonly rowStride: number;
  readonly columnStride: number;
  /** The other axes, with their strides in x and y. */
  readonly batch: readonly number[];
  readonly batchStridesX: readonly number[];
  readonly batchStridesY: readonly number[];
  readonly type: StoredType;
}

/** y, row-major, from x as a transposition; null if x is contiguous along y's last axis too, or if x has gaps. */
export function asTranspose({ shape, strides, type }: Omit<StridedCopy, 'base'>): TiledTranspose | null {
  const axes = mergeAxes(shape, strides);
  const [last, inner] = [axes.shape.length - 1, axes.strides.indexOf(1)];
  if (inner < 0 || inner === last) return null;
  const others = axes.shape.map((_, axis) => axis).filter((axis) => axis !== last && axis !== inner);
  const stridesY = stridesOf(axes.shape);
  return {
    rows: axes.shape[last],
    columns: axes.shape[inner],
    rowStride: axes.strides[last],
    columnStride: stridesY[inner],
    batch: others.map((axis) => axes.shape[axis]),
    batchStridesX: others.map((axis) => axes.strides[axis]),
    batchStridesY: others.map((axis) => stridesY[axis]),
    type,
  };
}

/** The kernel `permute.tiled`. */
export function permuteTiled(s: TiledTranspose): Kernel {
  const [across, down] = [Math.ceil(s.columns / TILE), Math.ceil(s.rows / TILE)];
  const tiles = across * down * sizeOf(s.batch);
  const text = wgsl`
var<workgroup> tile: array<${s.type}, ${TILE * (TILE + 1)}>;

@compute @workgroup_size(${TILE}, ${TILE_ROWS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  // A folded grid may have surplus workgroups: they copy the last tile again.
  let number = min(group.y * groups.x + group.x, ${tiles - 1}u);
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
  return {
    name: 'permute.tiled',
    inputs: [{ name: 'x', type: s.type }],
    outputs: [{ name: 'y', type: s.type }],
    workgroups: linearGrid(tiles, 1),
    wgsl: text,
  };
}
