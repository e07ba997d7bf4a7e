// verify() itself: what it finds on this device, and that it finds a kernel that is wrong.

import { expect, test } from 'vitest';
import { verify, verifyAll } from '../../src/verify/verify.ts';
import { floats } from '../../src/verify/case.ts';
import * as ops from '../../src/ops/index.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { brokenDevice } from '../harness/broken-device.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { testGpu } from '../harness/devices.ts';

/** Milliseconds for tests that run an op's every kernel: drivers that compile with LLVM take minutes for those of matmul. */
const SLOW = 1_800_000;
/** Some ops; `npm run test:adapters` also runs the command, which compares all. */
const some = ['add', 'cast', 'dropout', 'logSoftmax', 'maxPool2d', 'permute', 'sum'];

test('this device computes what the CPU computes', { timeout: SLOW }, async () => {
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

test('rows tell variants and directions, each once', { timeout: SLOW }, async () => {
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

test('a kernel that is wrong is caught: its variant fails and no other', { timeout: SLOW }, async () => {
  const device = brokenDevice(await testGpu(), 'matmul.tiled');
  const rows = await verifyAll(device, { ops: ['matmul', 'sum'] });
  const failed = rows.filter(({ ok }) => !ok);
  expect(failed.filter(({ op, variant }) => op !== 'matmul' || !variant.includes('tiled'))).toEqual([]);
  expect(new Set(failed.map(({ direction }) => direction))).toEqual(new Set(['forward', 'backward']));
  expect(failed[0].maxError).toBeGreaterThan(failed[0].tolerance);
  expect(failed[0].problem).toMatch(/element \d+ is .*, expected .*: off by .* × the tolerance/);
  expect(rows.some(({ op, variant, ok }) => op === 'matmul' && variant === 'register' && ok)).toBe(true);
});

test('a case that a device refuses is a row, and the cases beside it are computed', async () => {
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

test('an op without cases and a device without kernels are refused', async () => {
  await expect(verify(await testGpu(), { ops: ['matmull'] }).next()).rejects.toThrow('"matmull"');
  await expect(verify(new CpuDevice()).next()).rejects.toThrow('CPU reference itself');
});
