// Kernels that move elements between row-major order and strided places, for ops that compute nothing.

import {
  gatherKernel,
  scatterKernel,
  transposeKernel,
  transposeTiles,
  type StridedCopy,
} from '../../../shaders/movement/copy.wgsl.ts';
import { LINEAR_WORKGROUP } from '../../../shaders/lib/grid.wgsl.ts';
import { inFours, mergeAxes, type StridedShape } from '../../../shaders/lib/index.wgsl.ts';
import type { DType } from '../../core/dtype.ts';
import { linearGrid, perThread, type Binding, type Capabilities, type Kernel } from '../../core/kernel.ts';
import { sizeOf, stridesOf } from '../../core/shape.ts';
import { elementType } from '../lib/element-type.ts';

/** What is copied, and by which device. */
export interface CopyCall {
  readonly copy: StridedCopy;
  readonly dtype: DType;
  readonly capabilities: Capabilities;
}

/** The copy with vec4s for elements, where only whole ones lie side by side. */
function copyInFours({ shape, strides, base }: StridedCopy): StridedCopy | null {
  if (base % 4 !== 0 || sizeOf(shape) % 4 !== 0) return null;
  // Strides may be negative modulo 2³², which does not outlive a division.
  const fours = inFours(shape, strides.map((stride) => stride | 0)); // prettier-ignore
  if (!fours || fours.same) return null;
  return { shape: fours.shape, strides: fours.strides.map((stride) => stride >>> 0), base: base / 4 };
}

function copyKernel(
  name: string,
  text: typeof gatherKernel,
  { copy, dtype, capabilities }: CopyCall,
): Omit<Kernel, 'inputs'> & { readonly x: Binding } {
  const fours = copyInFours(copy);
  const type = fours ? (`vec4<${elementType(dtype)}>` as const) : elementType(dtype);
  const count = sizeOf((fours ?? copy).shape);
  const each = perThread(count, LINEAR_WORKGROUP, capabilities);
  return {
    name,
    wgsl: text(fours ?? copy, each),
    x: { name: 'x', type },
    outputs: [{ name: 'y', type }],
    workgroups: linearGrid(Math.ceil(count / each), LINEAR_WORKGROUP),
  };
}

/** y, row-major, from strided places of x. */
export function gathering(name: string, call: CopyCall): Kernel {
  const { x, ...kernel } = copyKernel(name, gatherKernel, call);
  return { ...kernel, inputs: [x] };
}

/** Input `part` of `parts`, row-major, to strided places of y; the others stay as they are. */
export function scattering(name: string, call: CopyCall, part: number, parts: number): Kernel {
  const { x, ...kernel } = copyKernel(name, scatterKernel, call);
  return { ...kernel, inputs: Array.from({ length: parts }, (_, i) => (i === part ? x : null)) };
}

/**
 * y, row-major of `shape`, from x, whose neighbours lie along another axis: through workgroup memory. Null where they lie
 * along y's last axis too, or where x has gaps.
 */
export function transposing(name: string, { shape, strides }: StridedShape, dtype: DType) {
  const axes = mergeAxes(shape, strides);
  const [last, inner] = [axes.shape.length - 1, axes.strides.indexOf(1)];
  if (inner < 0 || inner === last) return null;
  const others = axes.shape.map((_, axis) => axis).filter((axis) => axis !== last && axis !== inner);
  const stridesY = stridesOf(axes.shape);
  const [rows, columns] = [axes.shape[last], axes.shape[inner]];
  const transpose = {
    rows,
    columns,
    rowStride: axes.strides[last],
    columnStride: stridesY[inner],
    batch: others.map((axis) => axes.shape[axis]),
    batchStridesX: others.map((axis) => axes.strides[axis]),
    batchStridesY: others.map((axis) => stridesY[axis]),
  };
  const type = elementType(dtype);
  const kernel: Kernel = {
    name,
    wgsl: transposeKernel(transpose, type),
    inputs: [{ name: 'x', type }],
    outputs: [{ name: 'y', type }],
    workgroups: linearGrid(transposeTiles(transpose), 1),
  };
  return { kernel, rows, columns };
}
