// `five-tigers inspect` and `five-tigers diverge`: a model's plan in every format, and its nodes against the CPU.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type * as Node from '../../src/node.ts';
import { brokenDevice } from '../harness/broken-device.ts';
import { jsonLines, run, temporaryFolder } from './cli.ts';

const broken = vi.hoisted(() => ({ kernel: '' }));
vi.mock('../../src/node.ts', async (original) => {
  const real = await original<typeof Node>();
  const openDevice: typeof real.openDevice = async (...given) => {
    const device = await real.openDevice(...given);
    return broken.kernel ? brokenDevice(device, broken.kernel) : device;
  };
  return { ...real, openDevice };
});
afterEach(() => void (broken.kernel = ''));
const folder = temporaryFolder();

test('inspect prints steps and totals', async () => {
  const { code, stdout } = await run('inspect', 'lenet5', '--batch', '4');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^lenet5 \(modern\), forward, batch 4, on /);
  expect(stdout).toMatch(
    /^0 +conv2d\.\S+relu +f32\[4, 1, 32, 32\].* f32\[4, 6, 28, 28\] .*image c1\.weight c1\.bias$/m,
  );
  expect(stdout).toMatch(/^Parameters +61,706 trainable/m);
  expect(stdout).toMatch(/^Memory +[\d,]+ bytes between steps, \d+ % less than without reuse$/m);
});

test('inspect --format json, mermaid and svg', async () => {
  const [plan] = jsonLines(await run('inspect', 'lenet5', '--train', '--json'));
  expect(plan).toMatchObject({ model: 'lenet5', train: true, parameters: 61_706 });
  const steps = plan.steps as { kernels: string[]; after: number[]; updates: string[]; flops: number }[];
  expect(plan.dispatches).toBe(steps.flatMap(({ kernels }) => kernels).length);
  expect(plan.flops).toBe(steps.reduce((sum, { flops }) => sum + flops, 0));
  expect(steps.every(({ after }, at) => after.every((from) => from < at))).toBe(true);
  expect(steps.flatMap(({ updates }) => updates)).toContain('c1.weight');
  expect(plan.peakBytes).toBeLessThan(plan.bytesWithoutReuse as number);

  const mermaid = (await run('inspect', 'lenet5', '--format', 'mermaid')).stdout;
  expect(mermaid).toMatch(/^flowchart TD\n/);
  expect(mermaid).toMatch(/^ {2}s0 --> s1$/m);

  const svg = (await run('inspect', 'lenet5', '--format', 'svg')).stdout;
  expect(svg).toMatch(/^<svg xmlns=[^]*<\/svg>\n$/);
  expect(svg.match(/<rect x/g)!.length).toBeGreaterThan(5);
});

test('diverge reports agreement, or the first wrong node with a repro', async () => {
  const fine = await run('diverge', 'lenet5', '--batch', '1');
  expect(fine).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^lenet5: all \d+ compared nodes on .* agree with the CPU\./),
  });
  broken.kernel = 'matmul.register';
  const out = join(folder(), 'repro.json');
  const { code, stderr } = await run('diverge', 'lenet5', '--batch', '1', '--seed', '3', '--out', out);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /lenet5 diverges at node \d+ of \d+, matmul \(matmul\.register\) → f32\[1, 120\]: element \d+ is /,
  );
  const repro = JSON.parse(await readFile(out, 'utf8')) as Record<string, unknown>;
  expect(repro).toMatchObject({ model: 'lenet5', op: 'matmul', seed: 3, adapter: { kind: 'webgpu' } });
});
