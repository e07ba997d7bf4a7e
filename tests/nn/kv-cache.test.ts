// Cached decoding: one program for every step, in place, with the results of a full causal pass.

import { describe, expect, test } from 'vitest';
import {
  add, compile, CpuDevice, KVCache, RandomSource, Scalar, scaledDotProductAttention, spec, type Device, type Tensor,
} from '../../src/node.ts'; // prettier-ignore
import { testGpu } from '../harness/devices.ts';
import { memoryProblems } from '../runtime/check-memory.ts';
import { kernelNames, planOf } from '../runtime/plan-of.ts';

const [HEADS, KEY_HEADS, LENGTH, DEPTH, MOST] = [4, 2, 20, 6, 24];
const random = new RandomSource(3);
const draw = (heads: number) => Float32Array.from({ length: heads * LENGTH * DEPTH }, () => random.uniform(-1, 1));
const whole = { q: draw(HEADS), k: draw(KEY_HEADS), v: draw(KEY_HEADS) };
const specs = (rows: number) => ({
  q: spec([1, HEADS, rows, DEPTH]),
  k: spec([1, KEY_HEADS, rows, DEPTH]),
  v: spec([1, KEY_HEADS, rows, DEPTH]),
});

/** Positions `from` to `to` of [1, heads, LENGTH, DEPTH]. */
const rowsOf = (data: Float32Array, from: number, to: number): Float32Array => {
  const heads = data.length / (LENGTH * DEPTH);
  const parts = Array.from({ length: heads }, (_, h) => [...data.subarray((h * LENGTH + from) * DEPTH, (h * LENGTH + to) * DEPTH)]); // prettier-ignore
  return Float32Array.from(parts.flat());
};

const step = (cache: KVCache, position: Scalar, rows: number) => (inputs: Record<string, Tensor>) => {
  const { k, v } = cache.append(inputs.k, inputs.v, position);
  return { out: scaledDotProductAttention(inputs.q, k, v, { isCausal: true, enableGqa: true, length: add(position, rows) }) }; // prettier-ignore
};

/** All outputs [HEADS, LENGTH, DEPTH]: the first `prompt` positions are prefilled, the others decoded one by one. */
async function decode(device: Device, prompt: number): Promise<number[]> {
  const cache = new KVCache(1, KEY_HEADS, MOST, DEPTH);
  const position = new Scalar('position', 0, 'i32');
  using first = await compile(device, step(cache, position, prompt), specs(prompt));
  using next = await compile(device, step(cache, position, 1), specs(1));
  const result = new Float32Array(HEADS * LENGTH * DEPTH);
  for (let at = 0; at < LENGTH;) {
    position.value = at;
    const rows = at === 0 ? prompt : 1;
    const part = { q: rowsOf(whole.q, at, at + rows), k: rowsOf(whole.k, at, at + rows), v: rowsOf(whole.v, at, at + rows) }; // prettier-ignore
    const { out } = await (at === 0 ? first : next).run(part);
    for (let h = 0; h < HEADS; h++) result.set(out.data.subarray(h * rows * DEPTH, (h + 1) * rows * DEPTH), (h * LENGTH + at) * DEPTH); // prettier-ignore
    at += rows;
  }
  return [...result];
}

const expected = async (): Promise<number[]> => {
  const full = ({ q, k, v }: Record<string, Tensor>) =>
    scaledDotProductAttention(q, k, v, { isCausal: true, enableGqa: true });
  using program = await compile(new CpuDevice(), full, specs(LENGTH));
  return [...(await program.run(whole)).data];
};

describe('cached decoding', () => {
  test.each([
    ['CPU', 1],
    ['CPU', 7],
    ['GPU', 1],
    ['GPU', 12],
  ])('%s: a prompt of %i and single tokens match a full causal pass', async (kind, prompt) => {
    const found = await decode(kind === 'CPU' ? new CpuDevice() : await testGpu(), prompt);
    const reference = await expected();
    const largest = Math.max(...found.map((value, i) => Math.abs(value - reference[i])));
    // Means of values below 1, which two kernels sum in different orders. Measured 1.05e-7 on the GPU, 0 on the CPU.
    expect(largest).toBeLessThan(4e-7);
  });

  test.each(['CPU', 'GPU'])(
    '%s: nothing is written past the end, and a run with a host-visible position past it is an error',
    async (kind) => {
      const device = kind === 'CPU' ? new CpuDevice() : await testGpu();
      const cache = new KVCache(1, 1, 4, 2);
      const place = new Scalar('position', 0, 'i32');
      const shapes = { k: spec([1, 1, 3, 2]), v: spec([1, 1, 3, 2]) };
      const append = (position: Tensor) => (inputs: Record<string, Tensor>) => {
        cache.append(inputs.k, inputs.v, position);
        return {};
      };
      using seen = await compile(device, append(place), shapes);
      using unseen = await compile(device, ({ at, ...inputs }) => append(at)(inputs), {
        ...shapes,
        at: spec([], 'i32'),
      });
      const rows = (first: number) => Float32Array.from({ length: 6 }, (_, i) => first + i);
      const held = async () => [...(await cache.k.read()).data];
      await seen.run({ k: rows(1), v: rows(1) });
      expect(await held()).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
      for (const outside of [2, -1]) {
        place.value = outside;
        const refused = seen.run({ k: rows(11), v: rows(11) });
        await expect(refused).rejects.toThrow(`KVCache: 3 positions from ${outside} on do not fit into 4`);
        await unseen.run({ k: rows(11), v: rows(11), at: Int32Array.of(outside) });
        expect(await held()).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
      }
      place.value = 1;
      await seen.run({ k: rows(11), v: rows(11) });
      expect(await held()).toEqual([1, 2, 11, 12, 13, 14, 15, 16]);
    },
  );

  test.each([true, false])('writes only the new position, in place (software: %s)', async (software) => {
    const cache = new KVCache(1, KEY_HEADS, MOST, DEPTH);
    const plan = await planOf(step(cache, new Scalar('position', 0, 'i32'), 1), specs(1), {
      capabilities: { software },
    });
    expect(memoryProblems(plan)).toEqual([]);
    expect(plan.updates.map(({ value }) => plan.memory.storage.get(value))).toEqual([
      { leaf: cache.k },
      { leaf: cache.v },
    ]);
    expect(kernelNames(plan).filter((name) => name.startsWith('updateSlice'))).toEqual(Array(2).fill('updateSlice.inPlace')); // prettier-ignore
    // Only attention's own threads grow with the cache.
    const writes = plan.steps.flatMap(({ kernels }) => kernels).filter(({ name }) => name.startsWith('updateSlice'));
    expect(writes.map(({ workgroups }) => workgroups)).toEqual(Array(2).fill([1, 1, 1]));
  });

  test('restarts with zeros after reset', async () => {
    const cache = new KVCache(1, 1, 3, 2);
    const device = new CpuDevice();
    const one = spec([1, 1, 1, 2]);
    using program = await compile(device, ({ x }) => cache.append(x, x, new Scalar('at', 1, 'i32')), { x: one });
    await program.run({ x: Float32Array.of(1, 2) });
    expect([...(await cache.v.read()).data]).toEqual([0, 0, 1, 2, 0, 0]);
    cache.reset();
    expect([...(await cache.k.read()).data]).toEqual(Array(6).fill(0));
  });
});
