// The ways to compute a matrix product on a GPU, and which of them comes first.

import { GEMV_ROWS, gemvGroups, matmulGemvKernel } from '../../../shaders/matmul/matmul-gemv.wgsl.ts';
import {
  matmulRegisterGroups, matmulRegisterKernel, registerBlock, registerVectorsB,
} from '../../../shaders/matmul/matmul-register.wgsl.ts'; // prettier-ignore
import {
  matmulUnitsKernel,
  unitsDepth,
  unitsFit,
  type MatmulUnits,
  type MatrixUnit,
} from '../../../shaders/matmul/matmul-units.wgsl.ts';
import * as shader from '../../../shaders/matmul/matmul.wgsl.ts';
import { quantizedTreeGroups, quantizedTreeKernel, type PackedShape } from '../../../shaders/matmul/quantized.wgsl.ts';
import { linearGrid, type Binding, type Capabilities, type ElementType, type Kernel } from '../../core/kernel.ts';
import type { Variant } from '../../core/op.ts';
import { addingSlices } from '../lib/slices.ts';

/** Tiles that keep a GPU busy, and the least depth for which cutting the sum pays. */
const [ENOUGH_TILES, LEAST_DEPTH] = [128, 128];

/** Most rows for which a product with packed weights is bound by reading them. */
const FEW_ROWS = 15;

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

/** A product, and what it is bound to. */
interface Product {
  readonly op: string;
  readonly shape: shader.MatmulShape;
  /** True where a and b have changed places. */
  readonly swapped: boolean;
  /** The buffers of b; `vectorized` where the kernel reads whole vectors. */
  b(vectorized: boolean): Binding[];
}

/** Which of a, b and c are bound as vectors of four. */
type Vectors = readonly [a: boolean, b: boolean, c: boolean];

const vectorsOf = (s: shader.MatmulShape): Vectors => [
  shader.vectorizedA(s),
  shader.vectorizedB(s),
  shader.vectorizedC(s),
];

function variant(
  { op, shape, swapped, b }: Product,
  name: string,
  wgsl: string,
  groups: number,
  vectors: Vectors,
  slices = 1,
  enables?: Kernel['enables'],
): Variant {
  const operands: Binding[] = [{ name: 'a', type: element(shape.type, vectors[0]) }, ...b(vectors[1])];
  const kernel = {
    name: `${op}.${name}`,
    wgsl,
    inputs: swapped ? operands.reverse() : operands,
    workgroups: linearGrid(groups, 1),
    ...(enables && { enables }),
  };
  const output: Binding = { name: 'c', type: element(slices > 1 ? 'f32' : shape.type, vectors[2]), store: true };
  return addingSlices(name, kernel, output, slices, shader.batchesOf(shape) * shape.m * shape.n, shape.type);
}

/** The variants whose threads have blocks of c: in registers alone, and in tiles of workgroup memory, best first. */
function blockVariants(product: Product, capabilities: Capabilities) {
  const { shape } = product;
  const vectors = vectorsOf(shape);
  const tiles = (size: 64 | 128) => shader.tilesOf(shape, size, size).total;
  const tiled = (name: string, size: 64 | 128, slices: number) => {
    const wgsl = shader.matmulTiledKernel(shape, { size, slices });
    return variant(product, name, wgsl, tiles(size) * slices, vectors, slices);
  };
  const forRegister = [!!shape.loadB, registerVectorsB(shape), vectors[2]] as const;
  const block = registerBlock(shape, capabilities);
  const groups = matmulRegisterGroups(shape, block);
  const register = variant(product, 'register', matmulRegisterKernel(shape, block), groups, forRegister);
  const [middle, large] = [tiled('tiled', 64, 1), largeFits(shape, capabilities) ? [tiled('tiled128', 128, 1)] : []];
  const slices = slicesFor(shape);
  const split = slices > 1 ? [tiled('split', 64, slices)] : [];
  const inTiles = tiles(128) >= ENOUGH_TILES ? [...large, middle, ...split] : [...split, middle, ...large];
  return { register, inTiles, isSplit: slices > 1 };
}

/** All variants for `given`, best first. */
export function matmulVariants(given: shader.MatmulShape, capabilities: Capabilities): Variant[] {
  const swapped = given.n === 1 && given.m > 1;
  const shape = swapped ? turned(given) : given;
  const { m, n, k, type } = shape;
  const b = (vectorized: boolean): Binding[] => [{ name: 'b', type: element(type, vectorized) }];
  const product = { op: 'matmul', shape, swapped, b };
  const { register, inTiles, isSplit } = blockVariants(product, capabilities);
  const simple = capabilities.software || ((m < 32 || n < 32) && !isSplit);
  const blocks = simple ? [register, ...inTiles] : [...inTiles, register];
  if (Math.min(m, n) > GEMV_ROWS) {
    const units = unitVariants(product, capabilities);
    return type === 'f16' && !capabilities.software ? [...units, ...blocks] : [...blocks, ...units];
  }
  const gemv = variant(product, 'gemv', matmulGemvKernel(shape), gemvGroups(shape), [false, false, false]);
  // Small products are over before their threads have met.
  return capabilities.software || k < 64 ? [...blocks, gemv] : [gemv, ...blocks];
}

/** All variants for a product with packed weights that lie in `bindings`, best first; `shape` reads them by its `loadB`. */
export function quantizedVariants(
  shape: shader.MatmulShape,
  packed: PackedShape,
  bindings: readonly Binding[],
  capabilities: Capabilities,
): Variant[] {
  const product = { op: 'quantizedMatmul', shape, swapped: false, b: () => [...bindings] };
  const { register, inTiles } = blockVariants(product, capabilities);
  const text = quantizedTreeKernel(shape, packed);
  const tree = variant(product, 'tree', text, quantizedTreeGroups(shape), [true, false, false]);
  if (capabilities.software) return [register, ...inTiles, tree];
  return shape.m <= FEW_ROWS ? [tree, ...inTiles, register] : [...inTiles, tree, register];
}

/** How many slices of the sum keep a GPU busy with tiles of 64, for a kernel that sums `step` at a time. */
function slicesFor(s: shader.MatmulShape, step?: number): number {
  const wanted = Math.min(Math.ceil(ENOUGH_TILES / shader.tilesOf(s, 64, 64).total), Math.floor(s.k / LEAST_DEPTH));
  return wanted > 1 ? Math.ceil(s.k / shader.sliceDepth(s, wanted, step)) : 1;
}

/** The variants on matrix units that a product is worth, best first; none where the device has no unit that fits. */
function unitVariants(product: Product, capabilities: Capabilities): Variant[] {
  const { shape } = product;
  if (Math.min(shape.m, shape.n, shape.k) < 32) return [];
  const { maxComputeInvocationsPerWorkgroup: threads, maxComputeWorkgroupStorageSize: bytes } = capabilities;
  const tiles = (size: 64 | 128) => shader.tilesOf(shape, size, size).total;
  const onUnits = (name: string, size: 64 | 128, split: boolean): Variant[] => {
    const plans = unitsFor(shape.type, capabilities).flatMap((unit) =>
      ([64, 32] as const).map((depthBytes): MatmulUnits => {
        const slices = split ? slicesFor(shape, unitsDepth({ depthBytes, unit })) : 1;
        return { size, depthBytes, slices, unit, lanes: capabilities.subgroupMaxSize };
      }),
    );
    const plan = plans.find((one) => unitsFit(shape, one, threads, bytes));
    if (!plan || (split && plan.slices === 1)) return [];
    const text = matmulUnitsKernel(shape, plan);
    const groups = tiles(size) * plan.slices;
    const enables = ['chromium_experimental_subgroup_matrix'] as const;
    return [variant(product, name, text, groups, vectorsOf(shape), plan.slices, enables)];
  };
  const large = largeFits(shape, capabilities) ? onUnits('units128', 128, false) : [];
  const [small, split] = [onUnits('units', 64, false), onUnits('unitsSplit', 64, true)];
  return tiles(128) >= ENOUGH_TILES ? [...large, ...small, ...split] : [...split, ...small, ...large];
}

/** What can multiply values of a type and sums in f32: units of that type first, the largest first. f32 holds every f16. */
const unitsFor = (type: 'f32' | 'f16', { subgroupMatrix }: Capabilities): MatrixUnit[] =>
  [...new Set([type, 'f32'] as const)].flatMap((component) =>
    subgroupMatrix
      .filter((unit) => unit.component === component && unit.result === 'f32')
      .map(({ M, N, K }) => ({ component, M, N, K }))
      .sort((x, y) => y.M * y.N * y.K - x.M * x.N * x.K),
  );

/** Whether the device can run tiles of 128, and most of one would not be empty. */
const largeFits = ({ m, n }: shader.MatmulShape, capabilities: Capabilities): boolean =>
  Math.max(m, n) > 64 &&
  Math.min(m, n) > 32 &&
  capabilities.maxComputeInvocationsPerWorkgroup >= 256 &&
  capabilities.maxComputeWorkgroupStorageSize >= 16384;
