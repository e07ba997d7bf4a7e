// The ways to compute a matrix product on a GPU, and which of them comes first.

import { GEMV_ROWS, gemvGroups, matmulGemvKernel } from '../../shaders/matmul-gemv.wgsl.ts';
import { matmulRegisterGroups, matmulRegisterKernel, registerVectorsB } from '../../shaders/matmul-register.wgsl.ts';
import * as shader from '../../shaders/matmul.wgsl.ts';
import { linearGrid, type Binding, type Capabilities, type ElementType } from '../core/kernel.ts';
import type { Variant } from '../core/op.ts';
import { addingSlices } from './slices.ts';

/** Tiles that keep a GPU busy, and the least depth for which cutting the sum pays. */
const [ENOUGH_TILES, LEAST_DEPTH] = [128, 128];

/** A product with one column as one with one row, which lies in memory alike. */
const turned = (s: shader.MatmulShape): shader.MatmulShape => ({
  ...s,
  m: s.n,
  n: s.m,
  batchStridesA: s.batchStridesB,
  batchStridesB: s.batchStridesA,
  transposeA: !s.transposeB,
  transposeB: !s.transposeA,
});

const element = (type: 'f32' | 'f16', vectorized: boolean): ElementType => (vectorized ? `vec4<${type}>` : type);

/** All variants for `given`, best first. */
export function matmulVariants(given: shader.MatmulShape, capabilities: Capabilities): Variant[] {
  const swapped = given.n === 1 && given.m > 1;
  const shape = swapped ? turned(given) : given;
  const { m, n, k, type } = shape;
  const vectorized = [shader.vectorizedA(shape), shader.vectorizedB(shape), shader.vectorizedC(shape)];
  const variant = (name: string, wgsl: string, groups: number, vectors = vectorized, slices = 1): Variant => {
    const operands: Binding[] = [
      { name: 'a', type: element(type, vectors[0]) },
      { name: 'b', type: element(type, vectors[1]) },
    ];
    const kernel = {
      name: `matmul.${name}`,
      wgsl,
      inputs: swapped ? operands.reverse() : operands,
      workgroups: linearGrid(groups, 1),
    };
    const output: Binding = { name: 'c', type: element(slices > 1 ? 'f32' : type, vectors[2]), store: true };
    return addingSlices(name, kernel, output, slices, shader.batchesOf(shape) * m * n, type);
  };
  const tiles = (size: 64 | 128) => shader.tilesOf(shape, size, size).total;
  const tiled = (name: string, size: 64 | 128, slices: number) =>
    variant(name, shader.matmulTiledKernel(shape, { size, slices }), tiles(size) * slices, vectorized, slices);

  const forRegister = [false, registerVectorsB(shape), vectorized[2]];
  const register = variant('register', matmulRegisterKernel(shape), matmulRegisterGroups(shape), forRegister);
  const [middle, large] = [tiled('tiled', 64, 1), largeFits(shape, capabilities) ? [tiled('tiled128', 128, 1)] : []];
  const wanted = Math.min(Math.ceil(ENOUGH_TILES / tiles(64)), Math.floor(k / LEAST_DEPTH));
  const slices = wanted > 1 ? Math.ceil(k / shader.sliceDepth(shape, wanted)) : 1;
  const split = slices > 1 ? [tiled('split', 64, slices)] : [];
  const blocks =
    capabilities.software || ((m < 32 || n < 32) && slices === 1)
      ? [register, middle, ...large, ...split]
      : tiles(128) >= ENOUGH_TILES
        ? [...large, middle, ...split, register]
        : [...split, middle, ...large, register];
  if (Math.min(m, n) > GEMV_ROWS) return blocks;
  const gemv = variant('gemv', matmulGemvKernel(shape), gemvGroups(shape), [false, false, false]);
  // Small products are over before their threads have met.
  return capabilities.software || k < 64 ? [...blocks, gemv] : [gemv, ...blocks];
}

/** Whether the device can run tiles of 128, and most of one would not be empty. */
const largeFits = ({ m, n }: shader.MatmulShape, capabilities: Capabilities): boolean =>
  Math.max(m, n) > 64 &&
  Math.min(m, n) > 32 &&
  capabilities.maxComputeInvocationsPerWorkgroup >= 256 &&
  capabilities.maxComputeWorkgroupStorageSize >= 16384;
