// Profiles: every step is timed, by the GPU's clock if available, and a timed run has the effects of a normal run.

import { expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { Buffer } from '../../src/core/parameter.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { assign } from '../../src/core/trace.ts';
import { add, matmul, mul, softmax, sum } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { chromeTrace, profile } from '../../src/runtime/profile.ts';
import { testGpu } from '../harness/devices.ts';

const specs = { a: spec([64, 32]), b: spec([32, 48]) };
const inputs = { a: new Float32Array(2048).fill(0.5), b: new Float32Array(1536).fill(0.25) };

test('every step has time, arithmetic and memory traffic, and shares sum to 1', async () => {
  const build = ({ a, b }: Record<string, Tensor>) => ({ y: softmax(add(matmul(a, b), 1)) });
  for (const device of [await testGpu(), new CpuDevice()]) {
    using program = await compile(device, build, specs);
    const { rows, milliseconds, runs, clock } = await profile(program, inputs, { runs: 3 });
    expect({ runs, clock }).toEqual({ runs: 3, clock: device.capabilities ? 'gpu' : 'host' });
    expect(rows.map(({ step }) => step)).toEqual(program.plan.steps.map((_, i) => i));
    expect(milliseconds).toBeGreaterThan(0);
    expect(rows.reduce((total, { share }) => total + share, 0)).toBeCloseTo(1, 6);
    const product = rows[0];
    const fused = device.capabilities ? 64 * 48 : 0; // the addition fused into the product
    expect(product.flops).toBe(2 * 64 * 48 * 32 + fused);
    expect(product.bytes).toBe(4 * (64 * 32 + 32 * 48 + 64 * 48));
    expect(product.outputs).toEqual(['f32[64, 48]']);
    const { traceEvents } = chromeTrace(await profile(program, inputs)) as {
      traceEvents: { ts: number; dur: number }[];
    };
    traceEvents.slice(1).forEach(({ ts }, i) => expect(ts).toBeCloseTo(traceEvents[i].ts + traceEvents[i].dur, 6));
  }
});

test('a timed run updates parameters like a normal run', async () => {
  for (const device of [await testGpu(), new CpuDevice()]) {
    const p = Buffer.zeros(spec([4]), { name: 'p' });
    const step = () => (assign(p, add(p, 1)), { total: sum(mul(p, 2)) });
    using program = await compile(device, step, {});
    await profile(program, {}, { runs: 2 });
    expect([...(await p.read()).data]).toEqual([3, 3, 3, 3]);
    expect((await program.run({})).total.data[0]).toBe(24);
    await expect(profile(program, {}, { runs: 0 })).rejects.toThrow('runs must be an integer of at least 1, not 0');
  }
});
