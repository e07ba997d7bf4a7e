// Attention with flash kernels and as a composition, and blocks at run-time offsets.

import { describe, expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { RandomSource } from '../../src/core/random.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { RandomState } from '../../src/core/trace.ts';
import { mul, scaledDotProductAttention, sum, type AttentionOptions } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { toleranceOf } from '../../src/verify/tolerances.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { casesOf, runsAll, testOp, testOps } from '../harness/test-op.ts';
import { attention, callAttention } from './specs/attention.ts';

testOps(attention);

describe('without flash', () => {
  const opSpec = attention.scaledDotProductAttention;
  const cases = casesOf('scaledDotProductAttention', opSpec).filter((_, i) => [0, 2, 4, 6, 10, 12, 17].includes(i));
  const call: typeof opSpec.call = (inputs, attrs) => callAttention(inputs, { ...attrs, flash: false });
  testOp('scaledDotProductAttention without flash', { call, wrong: 'nothing', cases });
});

/** Sizes that fill tiles, and options. q is [B, H, T, D]; k and v have `heads` and `keys`. */
const tiles = {
  causal: { q: [1, 2, 70, 20], keys: 70, heads: 1, options: { isCausal: true, enableGqa: true } },
  depth64: { q: [1, 1, 65, 64], keys: 33, options: {} },
  wide: { q: [1, 1, 9, 40], keys: 40, width: 136, options: {} },
  mask: { q: [2, 2, 66, 7], keys: 35, mask: [2, 1, 66, 35], options: {} },
  dropped: { q: [1, 2, 40, 8], keys: 67, options: { dropoutP: 0.3 } },
  mixed: { q: [1, 2, 10, 8], keys: 12, width: 6, options: {} },
  noRows: { q: [1, 2, 0, 8], keys: 5, options: {} },
  decoding: { q: [1, 2, 2, 12], keys: 300, mask: [1, 1, 1, 300], options: { isCausal: true } },
} satisfies Record<string, TileCase>;

interface TileCase {
  readonly q: readonly number[];
  readonly keys: number;
  readonly heads?: number;
  readonly width?: number;
  readonly mask?: readonly number[];
  readonly options: AttentionOptions;
}

async function runTile(device: Device, { q, keys, heads, width, mask, options }: TileCase, variant = 0) {
  const [batch, ownHeads, rows, depth] = q;
  const key = [batch, heads ?? ownHeads, keys];
  const shapes: Record<string, readonly number[]> = {
    q, k: [...key, depth], v: [...key, width ?? depth], g: [batch, ownHeads, rows, width ?? depth], ...(mask && { mask }),
  }; // prettier-ignore
  const build = (tensors: Record<string, Tensor>) => {
    const out = scaledDotProductAttention(tensors.q, tensors.k, tensors.v, { ...options, mask: tensors.mask });
    const wanted = ['q', 'k', 'v', ...(mask ? ['mask'] : [])];
    const gradients = grad(sum(mul(out, tensors.g)), wanted.map((name) => tensors[name])); // prettier-ignore
    return { out, ...Object.fromEntries(wanted.map((name, i) => [name, gradients[i]])) } as Record<string, Tensor>;
  };
  let most = 1;
  const specs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, spec(shape)]));
  using program = await compile(device, build, specs, {
    random: new RandomState(5),
    chooseVariant: (op, variants) => {
      if (op.name.startsWith('attention')) most = Math.max(most, variants.length);
      return variants[op.name.startsWith('attention') ? Math.min(variant, variants.length - 1) : 0];
    },
  });
  const random = new RandomSource(1);
  const inputs = Object.fromEntries(
    Object.entries(specs).map(([name, { shape }]) => {
      const length = shape.reduce((size, dim) => size * dim, 1);
      return [name, Float32Array.from({ length }, () => random.uniform(-1, 1))];
    }),
  );
  return { results: await program.run(inputs), most };
}

/** The others compile slowly on a software adapter. */
const usual = ['causal', 'mixed', 'noRows', 'decoding'];

describe('tiled', () => {
  const chosen = Object.entries(tiles).filter(([name]) => runsAll || usual.includes(name));
  test.each(chosen)('%s: every variant matches the CPU', { timeout: 300_000 }, async (name, one) => {
    const { results: expected } = await runTile(new CpuDevice(), one);
    const [gpu, problems] = [await testGpu(), [] as string[]];
    for (let variant = 0, most = 1; variant < most; variant++) {
      const run = await runTile(gpu, one, variant);
      most = run.most;
      for (const [output, value] of Object.entries(run.results)) {
        const part = output === 'out' ? 'output' : 'gradient';
        const kind = `scaledDotProductAttention gpu ${part}`;
        const found = difference(kind, value, expected[output], toleranceOf('scaledDotProductAttention', 'gpu', part));
        if (found) problems.push(`${name}, variant ${variant}, ${output}: ${found}`);
      }
    }
    expect(problems).toEqual([]);
  });

  test('dropout drops the same weights with and without flash', async () => {
    const [flash, composed] = [
      await runTile(new CpuDevice(), tiles.dropped),
      await runTile(new CpuDevice(), { ...tiles.dropped, options: { dropoutP: 0.3, flash: false } }),
    ];
    const tolerance = toleranceOf('scaledDotProductAttention without flash', 'cpu', 'gradient');
    for (const [name, value] of Object.entries(composed.results)) {
      expect(difference('scaledDotProductAttention without flash cpu gradient', flash.results[name], value, tolerance)).toBe(null); // prettier-ignore
    }
  });
});
