// The autotuner: only correct variants win, compile uses the table, also in fused nodes; invalid tables are errors.

import { expect, test } from 'vitest';
import { benchCases } from '../../src/bench/cases.ts';
import { randomParameter } from '../../src/bench/measure.ts';
import { matmul, relu, sum } from '../../src/ops/index.ts';
import { mergeTuning, parseTuningTable, tuningKey } from '../../src/runtime/tuning.ts';
import { planOnly } from '../../src/runtime/plan-only.ts';
import { compile } from '../../src/runtime/compile.ts';
import { tune } from '../../src/tune/tune.ts';
import type { Device } from '../../src/backends/device.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { brokenDevice } from '../harness/broken-device.ts';
import { testGpu } from '../harness/devices.ts';

const small = {
  ...benchCases()[0],
  name: 'small',
  build() {
    const [a, b] = [randomParameter('a', [30, 40]), randomParameter('b', [40, 50])];
    return () => relu(matmul(a, b));
  },
};

test('each variant is timed, and the table applies to similar sizes, fused or not', async () => {
  const gpu = await testGpu();
  const seen: string[] = [];
  const onProgress = ({ row }: { row?: { op: string } }) => void (row && seen.push(row.op));
  const { table, rows } = await tune(gpu, [small, small], { seconds: 0.01, onProgress });
  expect(seen).toEqual(['matmul']);
  const [{ key, candidates, winner }] = rows;
  expect(key).toMatch(/ \| matmul \| f32 \| .*\| \[32, 32\] \[32, 64\]$/);
  expect(candidates.length).toBeGreaterThan(1);
  for (const { problem, milliseconds } of candidates) {
    expect(problem).toBeNull();
    expect(milliseconds).toBeGreaterThan(0);
  }
  expect(table.variants[key]).toBe(winner);

  const last = candidates.at(-1)!.variant;
  const tuned: Device = { ...planOnly(gpu), tuning: { version: 1, variants: { [key]: last } } };
  const kernelsOf = async (rowsOfA: number, fused: boolean) => {
    const [a, b] = [randomParameter('a', [rowsOfA, 33]), randomParameter('b', [33, 60])];
    const y = () => (fused ? relu(matmul(a, b)) : matmul(a, b));
    const { plan } = await compile(tuned, y, {});
    return plan.steps.flatMap(({ kernels }) => kernels.map(({ name }) => name));
  };
  const [kernel] = await kernelsOf(33, false);
  expect(kernel).toContain(last);
  expect((await kernelsOf(33, true))[0]).toMatch(new RegExp(`^${kernel}\\+`));
  // Without a measurement for this size, the op record decides.
  expect(await kernelsOf(300, false)).not.toEqual([kernel]);
});

test('a variant with wrong results cannot win', async () => {
  const gpu = await testGpu();
  const x = randomParameter('x', [50, 90]);
  const rowSums = { ...small, name: 'sums', build: () => () => sum(x, 1) };
  const [right] = (await tune(gpu, [rowSums], { seconds: 0.001 })).rows;
  expect(right.candidates.map(({ problem }) => problem)).toEqual(right.candidates.map(() => null));
  const first = right.candidates[0].variant;
  const wrong = first === 'tree' ? 'serial' : 'tree';
  const [row] = (await tune(brokenDevice(gpu, `sum.${wrong}`), [rowSums], { seconds: 0.001 })).rows;
  expect(row.candidates.find(({ variant }) => variant === wrong)!.problem).toMatch(/^element \d+ is /);
  expect(row.winner).not.toBe(wrong);
});

test('tables are merged, and the error for an invalid table names it', async () => {
  const merged = mergeTuning({ version: 1, variants: { a: 'x', b: 'y' } }, { version: 1, variants: { b: 'z' } });
  expect(merged.variants).toEqual({ a: 'x', b: 'z' });
  expect(parseTuningTable(JSON.stringify(merged))).toEqual(merged);
  for (const text of ['', 'null', '{}', '{"version":1}', '{"version":1,"variants":{"a":3}}', '{"version":2,"variants":{}}'])
    expect(() => parseTuningTable(text, 'mine.json')).toThrow(/^mine\.json is not a tuning table/);
  await expect(tune(new CpuDevice(), [])).rejects.toThrow(/the CPU reference has no variants/);
  const info = { ...new CpuDevice().info, vendor: 'acme', architecture: 'one' };
  const [a] = [randomParameter('a', [3, 100])];
  const { op, attrs } = matmul(a, randomParameter('b', [3, 5]), { transposeA: true }).node!;
  expect(tuningKey({ info }, { op, attrs, inputs: [a] })).toBe('acme one | matmul | f32 | transposeA | [4, 128]');
}); // prettier-ignore
