// Kernel variants of a matrix product, and which of them comes first.

import { GEMV_ROWS, matmulGemv } from '../../../shaders/matmul/matmul-gemv.wgsl.ts';
import { matmulRegister, registerBlock } from '../../../shaders/matmul/matmul-register.wgsl.ts';
import {
  matmulUnits, unitsDepth, unitsFit, type MatmulUnits, type MatrixUnit,
} from '../../../shaders/matmul/matmul-units.wgsl.ts'; // prettier-ignore
import { matmulTiled, splitDepth, tilesOf, type MatmulShape } from '../../../shaders/matmul/matmul.wgsl.ts';
import { quantizedTree, type PackedShape } from '../../../shaders/matmul/quantized.wgsl.ts';
import type { Capabilities, Kernel, Variant } from '../../core/kernel.ts';

/** Tiles that keep a GPU busy, and the least depth at which splitting the sum pays. */
const [ENOUGH_TILES, LEAST_DEPTH] = [128, 128];

/** Most rows for which a product with packed weights is bound by memory reads. */
const FEW_ROWS = 15;

/** A product with one column as one with one row, which has the same memory layout. */
const turned = (s: MatmulShape): MatmulShape => ({
  ...s,
  swapped: true,
  m: s.n,
  n: s.m,
  batchStridesA: s.batchStridesB,
  batchStridesB: s.batchStridesA,
  transposeA: !s.transposeB,
  transposeB: !s.transposeA,
});

/** A variant of one kernel, named by the part of the kernel's name after the op. */
const alone = (kernel: Kernel): Variant => ({ name: kernel.name.split('.')[1], kernels: [kernel] });

/** The variants whose threads compute blocks of c: in registers only, and with tiles in workgroup memory, best first. */
function blockVariants(shape: MatmulShape, capabilities: Capabilities) {
  const register = alone(matmulRegister(shape, registerBlock(shape, capabilities)));
  const middle = matmulTiled(shape, { size: 64, splits: 1 });
  const large = largeFits(shape, capabilities) ? [matmulTiled(shape, { size: 128, splits: 1 })] : [];
  const splits = splitsFor(shape);
  const split = splits > 1 ? [matmulTiled(shape, { size: 64, splits })] : [];
  const isMany = tilesOf(shape, 128, 128).total >= ENOUGH_TILES;
  const inTiles = isMany ? [...large, middle, ...split] : [...split, middle, ...large];
  return { register, inTiles, isSplit: splits > 1 };
}

/** All variants for `given`, best first. */
export function matmulVariants(given: MatmulShape, capabilities: Capabilities): Variant[] {
  const shape = given.n > 1 || given.m === 1 ? given : turned(given);
  const { m, n, k, type } = shape;
  const { register, inTiles, isSplit } = blockVariants(shape, capabilities);
  const simple = capabilities.software || ((m < 32 || n < 32) && !isSplit);
  const blocks = simple ? [register, ...inTiles] : [...inTiles, register];
  if (Math.min(m, n) > GEMV_ROWS) {
    const units = unitVariants(shape, capabilities);
    return type === 'f16' && !capabilities.software ? [...units, ...blocks] : [...blocks, ...units];
  }
  const gemv = alone(matmulGemv(shape));
  // Small products finish before a barrier would pay off.
  return capabilities.software || k < 64 ? [...blocks, gemv] : [gemv, ...blocks];
}

/** All variants for a product with packed weights, best first. */
export function quantizedVariants(shape: MatmulShape, packed: PackedShape, capabilities: Capabilities): Variant[] {
  const { register, inTiles } = blockVariants(shape, capabilities);
  const tree = alone(quantizedTree(shape, packed));
  if (capabilities.software) return [register, ...inTiles, tree];
  return shape.m <= FEW_ROWS ? [tree, ...inTiles, register] : [...inTiles, tree, register];
}

/** Number of parts of the sum that keep a GPU busy with tiles of 64, for a kernel that sums `step` terms at a time. */
function splitsFor(s: MatmulShape, step?: number): number {
  const wanted = Math.min(Math.ceil(ENOUGH_TILES / tilesOf(s, 64, 64).total), Math.floor(s.k / LEAST_DEPTH));
  return wanted > 1 ? Math.ceil(s.k / splitDepth(s, wanted, step)) : 1;
}

/** The variants on matrix units, best first; none if the product is small or the device has no suitable unit. */
function unitVariants(shape: MatmulShape, capabilities: Capabilities): Variant[] {
  if (Math.min(shape.m, shape.n, shape.k) < 32) return [];
  const { maxComputeInvocationsPerWorkgroup: threads, maxComputeWorkgroupStorageSize: bytes } = capabilities;
  const onUnits = (size: 64 | 128, split: boolean): Variant[] => {
    const plans = unitsFor(shape.type, capabilities).flatMap((unit) =>
      ([64, 32] as const).map((depthBytes): MatmulUnits => {
        const splits = split ? splitsFor(shape, unitsDepth({ depthBytes, unit })) : 1;
        return { size, depthBytes, splits, unit, lanes: capabilities.subgroupMaxSize };
      }),
    );
    const plan = plans.find((one) => unitsFit(shape, one, threads, bytes));
    return !plan || (split && plan.splits === 1) ? [] : [matmulUnits(shape, plan)];
  };
  const large = largeFits(shape, capabilities) ? onUnits(128, false) : [];
  const [small, split] = [onUnits(64, false), onUnits(64, true)];
  return tilesOf(shape, 128, 128).total >= ENOUGH_TILES
    ? [...large, ...small, ...split]
    : [...split, ...small, ...large];
}

/** Units that multiply `type` and accumulate in f32: those of that type first, then f32, which holds every f16; largest first. */
const unitsFor = (type: 'f32' | 'f16', { subgroupMatrix }: Capabilities): MatrixUnit[] =>
  [...new Set([type, 'f32'] as const)].flatMap((component) =>
    subgroupMatrix
      .filter((unit) => unit.component === component && unit.result === 'f32')
      .map(({ M, N, K }) => ({ component, M, N, K }))
      .sort((x, y) => y.M * y.N * y.K - x.M * x.N * x.K),
  );

/** Whether the device can run tiles of 128, and they would be mostly filled. */
const largeFits = ({ m, n }: MatmulShape, capabilities: Capabilities): boolean =>
  Math.max(m, n) > 64 &&
  Math.min(m, n) > 32 &&
  capabilities.maxComputeInvocationsPerWorkgroup >= 256 &&
  capabilities.maxComputeWorkgroupStorageSize >= 16384;
