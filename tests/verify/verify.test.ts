// verify(): passes on this device, and finds wrong kernels.

import { expect, test } from 'vitest';
import { verify, verifyAll } from '../../src/verify/verify.ts';
import { floats } from '../../src/verify/case.ts';
import * as ops from '../../src/ops/index.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { brokenDevice } from '../harness/broken-device.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { testGpu } from '../harness/devices.ts';

/** Milliseconds for tests that run all of an op's kernels: drivers based on LLVM compile matmul's for minutes. */
const SLOW = 1_800_000;
/** A few ops; `npm run test:adapters` compares all. */
const some = ['add', 'cast', 'dropout', 'logSoftmax', 'maxPool2d', 'permute', 'sum'];

test('this device matches the CPU reference', { timeout: SLOW }, async () => {
  const progress: number[] = [];
  const rows = await verifyAll(await testGpu(), {
    ops: some,
    onProgress: (done, total) => progress.push(done / total),
  });
  expect(rows.filter(({ ok }) => !ok)).toEqual([]);
  expect([...new Set(rows.map(({ op }) => op))]).toEqual(some);
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  expect(progress.at(-1)).toBe(1);
});

test('each variant and direction has one row', { timeout: SLOW }, async () => {
  const rows = await verifyAll(await testGpu(), { ops: ['matmul', 'neg'] });
  const keys = rows.map((row) => [row.op, row.case, row.variant, row.dtype, row.direction].join(' '));
  expect([...new Set(keys)]).toEqual(keys);
  for (const expected of [
    'matmul odd register f32 forward',
    'matmul odd tiled f32 backward',
    'neg odd elementwise f32 forward',
  ]) {
    expect(keys).toContain(expected);
  }
});

test('a wrong kernel fails in its variant and no other', { timeout: SLOW }, async () => {
  const device = brokenDevice(await testGpu(), 'matmul.tiled');
  const rows = await verifyAll(device, { ops: ['matmul', 'sum'] });
  const failed = rows.filter(({ ok }) => !ok);
  expect(failed.filter(({ op, variant }) => op !== 'matmul' || !variant.includes('tiled'))).toEqual([]);
  expect(new Set(failed.map(({ direction }) => direction))).toEqual(new Set(['forward', 'backward']));
  expect(failed[0].maxError).toBeGreaterThan(failed[0].tolerance);
  expect(failed[0].problem).toMatch(/element \d+ is .*, expected .*: off by .* × the tolerance/);
  expect(rows.some(({ op, variant, ok }) => op === 'matmul' && variant === 'register' && ok)).toBe(true);
});

test('a case that the device rejects becomes a failed row; the others are computed', async () => {
  const device = brokenDevice(await testGpu(), 'softmax.serial', () => 'this is not WGSL');
  const cases = {
    softmax: [
      { name: 'fine', inputs: [floats([3, 5])], call: ([x]: Tensor[]) => ops.neg(x) },
      { name: 'broken', inputs: [floats([3, 5])], call: ([x]: Tensor[]) => ops.softmax(x) },
    ],
  };
  const rows = await verifyAll(device, { cases });
  expect(rows.filter(({ ok }) => !ok).every((row) => row.case === 'broken' && row.maxError === Infinity)).toBe(true);
  expect(rows.filter(({ ok }) => ok).map((row) => `${row.case} ${row.direction}`)).toEqual(
    expect.arrayContaining(['fine forward', 'fine backward']),
  );
});

test('an op without cases and a device without kernels are errors', async () => {
  await expect(verify(await testGpu(), { ops: ['matmull'] }).next()).rejects.toThrow('"matmull"');
  await expect(verify(new CpuDevice()).next()).rejects.toThrow('CPU reference itself');
});
