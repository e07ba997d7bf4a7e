// `five-tigers verify`: its table, its JSON, and failures that name the wrong kernel.

import { afterEach, expect, test, vi } from 'vitest';
import type * as Node from '../../src/node.ts';
import { brokenDevice } from '../harness/broken-device.ts';
import { jsonLines, run } from './cli.ts';

/** The wrong kernel on the commands' device. */
const broken = vi.hoisted(() => ({ kernel: '' }));
vi.mock('../../src/node.ts', async (original) => {
  const real = await original<typeof Node>();
  const openDevice: typeof real.openDevice = async (...given) =>
    brokenDevice(await real.openDevice(...given), broken.kernel);
  return { ...real, openDevice };
});
afterEach(() => void (broken.kernel = ''));

test('prints a table with the worst error of each op', async () => {
  const { code, stdout, stderr } = await run('verify', '--op', 'neg', 'sum');
  expect(code).toBe(0);
  expect(stderr).toMatch(/^verify (\d+)\/\1$/m);
  expect(stdout).toMatch(/^op +variants +types +worst error +tolerance/m);
  expect(stdout).toMatch(/^neg +elementwise +f32.* 0 +0 +ok$/m);
  expect(stdout).toMatch(/^sum +.*\btree\b.* ok$/m);
  expect(stdout).toMatch(/^\d+ comparisons on .*: all passed\.$/m);
});

test('--json prints only the adapter and the cases', async () => {
  const outcome = await run('verify', '--op', 'matmul', '--json');
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  const [report, ...more] = jsonLines(outcome);
  expect(more).toEqual([]);
  expect(report.adapter).toMatch(/./);
  expect(report.cases).toContainEqual({
    op: 'matmul',
    case: 'odd',
    variant: 'tiled',
    dtype: 'f32',
    direction: 'forward',
    maxError: expect.any(Number),
    tolerance: expect.any(Number),
    ok: true,
  });
});

test('a wrong kernel exits with 1 and names the case', async () => {
  broken.kernel = 'sum.tree';
  const { code, stdout, stderr } = await run('verify', '--op', 'sum', '--json');
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^Different from the CPU reference:\n {2}sum forward, case last, f32, variant tree: element \d+ is /,
  );
  const { cases } = JSON.parse(stdout) as { cases: { ok: boolean; variant: string }[] };
  expect(new Set(cases.filter(({ ok }) => !ok).map(({ variant }) => variant))).toContain('tree');
  expect((await run('verify', '--op', 'sum')).stdout).toMatch(/^sum .* FAILED$/m);
});
