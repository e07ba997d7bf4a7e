// The benchmark: every case builds, rows are complete, reports can be compared. Times are not tested.

import { expect, test } from 'vitest';
import { bench, bestMilliseconds } from '../../src/bench/bench.ts';
import { compareReports } from '../../src/bench/report.ts';
import { benchCases } from '../../src/bench/cases.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { planOf } from '../runtime/plan-of.ts';
import { testGpu } from '../harness/devices.ts';

const named = (pattern: RegExp) => benchCases().filter(({ name }) => pattern.test(name));

test('every case has a unique name and a plan on a GPU', { timeout: 60_000 }, async () => {
  const cases = benchCases();
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  for (const one of cases.filter(({ large }) => !large)) {
    const compute = one.build();
    const outputs = () => {
      const result = compute();
      return 'node' in result ? { y: result } : result;
    };
    const { steps } = await planOf(outputs as () => Record<string, never>, {}, { capabilities: { software: false } });
    expect(steps.length, one.name).toBeGreaterThan(0);
  }
});

test('a report has ceilings, rows with their fraction of them, and optionally each variant', async () => {
  const told: string[] = [];
  const report = await bench(await testGpu(), named(/^sum|^matmul 256x256x|^mlp/), {
    seconds: 0.05,
    variants: true,
    onProgress: ({ name, row }) => void (row && told.push(name)),
  });
  expect(report.skipped).toEqual([]);
  const { bytesPerSecond, flopsPerSecond } = report.ceilings;
  expect(bytesPerSecond).toBeGreaterThan(1e6);
  expect(flopsPerSecond).toBeGreaterThan(1e6);
  const variantsOf = (name: string) =>
    report.rows.flatMap((row) => (row.name.startsWith(name) && row.variant ? [row.variant] : []));
  expect(variantsOf('matmul')).toEqual(expect.arrayContaining(['register', 'tiled']));
  expect(variantsOf('sum')).toEqual(expect.arrayContaining(['serial', 'tree', 'splits.serial']));
  expect(variantsOf('mlp')).toEqual([]);
  expect(told).toHaveLength(report.rows.length);
  const product = report.rows.find(({ name, variant }) => name.startsWith('matmul') && !variant)!;
  expect(product).toMatchObject({ flops: 2 * 256 ** 3, bytes: 3 * 4 * 256 ** 2, dispatches: 1 });
  for (const row of report.rows) {
    expect(row.milliseconds, row.name).toBeGreaterThan(0);
    expect(row.quartiles[0]).toBeLessThanOrEqual(row.quartiles[1]);
    expect(row.ofCeiling).toBeCloseTo(bestMilliseconds(row, report.ceilings) / row.milliseconds, 9);
  }
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});

test('a case that fails or cannot run is reported as skipped; the others run', async () => {
  const broken = { ...named(/^sum/)[0], name: 'broken', build: () => { throw new Error('no such thing'); } }; // prettier-ignore
  const half = { ...named(/^sum/)[0], name: 'half', needsF16: true };
  const large = named(/^matmul 4096/)[0];
  const device = new CpuDevice();
  const report = await bench(device, [broken, large, named(/^mlp/)[0]], { seconds: 0.01 });
  expect(report.skipped).toEqual([
    { name: 'broken', reason: 'no such thing' },
    { name: large.name, reason: 'takes long without a GPU; run it with --all' },
  ]);
  expect(report.rows.map(({ name }) => name)).toEqual([named(/^mlp/)[0].name]);
  const gpu = await testGpu();
  if (!gpu.capabilities!.f16) {
    expect((await bench(gpu, [half])).skipped).toEqual([
      { name: half.name, reason: 'this adapter does not support f16' },
    ]);
  }
});

test('reports are compared by their common cases', () => {
  const row = (name: string, milliseconds: number, variant?: string) => ({
    name, variant, milliseconds, group: 'rows', ofCeiling: 1, firstMilliseconds: 1, quartiles: [1, 1], queuedMilliseconds: 1,
    clock: 'gpu', runs: 3, dispatches: 1, flops: 1, bytes: 1,
  }) as const; // prettier-ignore
  const report = (...rows: ReturnType<typeof row>[]) => ({
    version: 1, adapter: { vendor: '', architecture: '', description: '', software: false },
    ceilings: { bytesPerSecond: 1, flopsPerSecond: 1 }, rows, skipped: [],
  }) as const; // prettier-ignore
  const { rows, mean } = compareReports(report(row('a', 8), row('b', 1), row('b', 3, 'tree')), report(row('a', 2), row('b', 1), row('c', 1))); // prettier-ignore
  expect(rows.map(({ name, speedup }) => [name, speedup])).toEqual([['a', 4], ['b', 1]]); // prettier-ignore
  expect(mean).toBeCloseTo(2, 9);
  expect(compareReports(report(), report()).mean).toBe(1);
});
