// `five-tigers bench` and `--profile`: tables, JSON, comparisons, traces and errors. Speed is not tested.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { BenchReport, TuningTable } from '../../src/node.ts';
import { jsonLines, run, temporaryFolder, writeSmallMnist } from './cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder(), name);
const quick = ['bench', '--case', '^sum|^lenet5 forward batch 1$', '--seconds', '0.02'];

test('bench prints a table, writes a report, and compares with it', async () => {
  const first = await run(...quick, '--variants', '--json', at('first.json'));
  expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/^bench 2\/2$/m) });
  expect(first.stdout).toMatch(/^case +variant +ms +spread +GFLOP\/s +GB\/s +of ceiling\n/);
  expect(first.stdout).toMatch(/^sum 1048576 +[\d.]+ +±\d+ % +[\d.]+ +[\d.]+ +\d+ %$/m);
  expect(first.stdout).toMatch(/^sum 1048576 +tree +[\d.]+/m);
  expect(first.stdout).toMatch(/^lenet5 forward batch 1 +[\d.]+/m);
  expect(first.stdout).toMatch(/^Ceilings of .*:\n {2}[\d.]+ GFLOP\/s \(multiply-add loop\), [\d.]+ GB\/s \(copy\)$/m);

  const report = JSON.parse(await readFile(at('first.json'), 'utf8')) as BenchReport;
  const slower = report.rows.map((row) => ({ ...row, milliseconds: 1000 * row.milliseconds }));
  const adapter = { ...report.adapter, description: 'Another GPU' };
  await writeFile(at('other.json'), JSON.stringify({ ...report, adapter, rows: slower }));
  const second = await run(...quick, '--compare', at('other.json'), '--json');
  expect(second.code).toBe(0);
  expect((JSON.parse(second.stdout) as BenchReport).rows.map(({ name }) => name)).toEqual([
    'sum 1048576',
    'lenet5 forward batch 1',
  ]);
  expect(second.stderr).toMatch(/other\.json was measured on another adapter, Another GPU/);
  expect(second.stderr).toMatch(/^sum 1048576 +[\d.]+ +[\d.]+ +\d+\.\d\d×$/m);
  expect(second.stderr).toMatch(/^Geometric mean of the speedups: \d{2,}\.\d\d×$/m);
}, 120_000);

test('an invalid report is an error before anything is timed', async () => {
  const texts = {
    'text.json': 'hello',
    'null.json': 'null',
    'list.json': '[1]',
    'rows.json': '{"version": 1, "rows": [{"name": 3}]}',
    'newer.json': '{"version": 2}',
  };
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(at(name), text);
    const { code, stdout, stderr } = await run(...quick, '--compare', at(name));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`${at(name)} `);
    expect(stderr).toMatch(name === 'newer.json' ? /a newer five-tigers/ : /not a bench report/);
  }
  expect(await run(...quick, '--compare', at('none.json'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Cannot read the report to compare with: /),
  });
});

test('a report that cannot be written is an error after the table', async () => {
  const { code, stdout, stderr } = await run(
    'bench', '--case', '^add 1048576$', '--seconds', '0.01', '--device', 'cpu', '--json', at('no/such/folder.json'),
  ); // prettier-ignore
  expect(code).toBe(1);
  expect(stdout).toMatch(/^add 1048576 /m);
  expect(stdout).toMatch(/^Timed by the host/m);
  expect(stderr).toMatch(/Cannot write the report: /);
}, 60_000);

test('--profile prints kernel times and writes a trace without changing the results', async () => {
  await mkdir(at('mnist'));
  await writeSmallMnist(at('mnist'));
  const train = (name: string, ...more: string[]) =>
    run('train', 'lenet5', '--data', at('mnist'), '--batch', '4', '--steps', '3', '--out', at(name), ...more);
  const profiled = await train('profiled', '--profile', at('trace.json'));
  expect(profiled.code).toBe(0);
  expect(profiled.stdout).toMatch(/^step +kernels +outputs +ms +share +GFLOP\/s +GB\/s +of ceiling$/m);
  // Which steps take longest varies.
  expect(profiled.stdout).toMatch(/^ *\d+ {2}[a-zA-Z0-9]+\.\S*.* f32\[.* +\d+ %/m);
  expect(profiled.stdout).toMatch(
    /^\d+ more steps take \d+ %\.\nAll \d+ steps: [\d.]+ ms \(medians of 5 runs, by the /m,
  );
  expect(profiled.stdout).toMatch(/^Ceilings: [\d.]+ GFLOP/m);
  const { traceEvents } = JSON.parse(await readFile(at('trace.json'), 'utf8')) as { traceEvents: object[] };
  expect(traceEvents[0]).toMatchObject({ name: expect.stringMatching(/./), ph: 'X', dur: expect.any(Number) });
  expect(await train('plain')).toMatchObject({ code: 0 });
  for (const suffix of ['', '.checkpoint.safetensors'])
    expect(Buffer.compare(await readFile(at(`profiled${suffix}`)), await readFile(at(`plain${suffix}`)))).toBe(0);

  const evaluated = await run('eval', 'lenet5', '--data', at('mnist'), '--json', '--device', 'cpu', '--profile');
  const [{ profile }] = jsonLines(evaluated);
  expect(profile).toMatchObject({ clock: 'host', runs: 5, ceilings: { bytesPerSecond: expect.any(Number) } });
  expect(await train('none', '--profile', at('no/such.json'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Cannot write .*such\.json: the folder/),
  });
}, 180_000);

test('--profile names each program of a command in the table, the JSON and the trace', async () => {
  const heading = /^program +step +kernels +outputs +ms +share +GFLOP\/s +GB\/s +of ceiling$/m;
  const trace = at('bench-trace.json');
  const timed = await run(
    'bench', '--case', '^(add|gelu) 1048576$', '--seconds', '0.01', '--profile', trace, '--json', at('profiled.json'),
  ); // prettier-ignore
  expect(timed).toMatchObject({ code: 0, stdout: expect.stringMatching(heading) });
  expect(timed.stdout).toMatch(/^(add|gelu) 1048576 +0 {2}pointwise\..* \d+ %$/m);
  expect(timed.stdout).toMatch(/^All 2 steps of 2 programs: [\d.]+ ms \(medians of 5 runs, /m);
  const { profile, rows } = JSON.parse(await readFile(at('profiled.json'), 'utf8'));
  expect(profile.rows.map(({ program }: { program: string }) => program)).toEqual(rows.map((row: { name: string }) => row.name)); // prettier-ignore
  const { traceEvents } = JSON.parse(await readFile(trace, 'utf8'));
  expect(traceEvents.filter(({ ph }: { ph: string }) => ph === 'M').map(({ args }: { args: object }) => args)).toEqual(
    rows.map(({ name }: { name: string }) => ({ name })),
  );

  // Not in the table, which has only the longest steps.
  const stepsOf = (command: Parameters<typeof jsonLines>[0]) => {
    const [{ profile }] = jsonLines(command) as { profile: { rows: { program: string; kernels: string[] }[] } }[];
    return profile.rows.map(({ program, kernels }) => `${program}: ${kernels.join(' ')}`);
  };
  const verified = await run('verify', '--op', 'softmax', '--profile', '--json');
  expect(verified.code).toBe(0);
  expect(stepsOf(verified)).toContainEqual(expect.stringMatching(/^softmax f32: softmax\./));
  const compared = await run('diverge', 'lenet5', '--profile', '--json');
  expect(compared.code).toBe(0);
  expect(stepsOf(compared)).toContainEqual(expect.stringMatching(/^node \d+ conv2d: conv2d\./));
  const tuned = await run(
    'tune',
    '--case',
    '^sum',
    '--seconds',
    '0.01',
    '--out',
    at('profiled-tuning.json'),
    '--profile',
  );
  expect(tuned).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sum 1048576 \S+ +\d+ {2}/m) });
}, 180_000);

test('--profile of inspect runs the plan', async () => {
  const inspected = await run('inspect', 'lenet5', '--train', '--profile', '--json');
  const [{ steps, profile }] = jsonLines(inspected) as { steps: object[]; profile: { rows: { step: number }[] } }[];
  expect(profile.rows.map(({ step }) => step)).toEqual(steps.map((_, i) => i));
  const drawn = await run('inspect', 'lenet5', '--format', 'svg', '--profile');
  expect(drawn).toMatchObject({ code: 0, stdout: expect.stringMatching(/^<svg[^]*<\/svg>\s*$/) });
  expect(drawn.stderr).toMatch(/^All \d+ steps: /m);
}, 180_000);

test('tune writes a table, extends it, and bench uses it', async () => {
  const table = at('tuning.json');
  const tuned = await run('tune', '--case', '^sum', '--seconds', '0.01', '--out', table);
  expect(tuned.code).toBe(0);
  expect(tuned.stdout).toMatch(/^op and sizes +variant +ms +gain\nsum f32 \S+.* [\d.]+ +[\d.]+×$/m);
  expect(tuned.stdout).toMatch(/: 1 choices? (is|are) in .*tuning\.json\.$/m);
  const [[key]] = Object.entries((JSON.parse(await readFile(table, 'utf8')) as TuningTable).variants);
  await writeFile(table, JSON.stringify({ version: 1, variants: { [key]: 'serial', other: 'kept' } }));
  const rows = async (...more: string[]) => {
    const { stdout } = await run('bench', '--case', '^sum', '--seconds', '0.01', '--json', '-', ...more);
    return (JSON.parse(stdout) as BenchReport).rows;
  };
  expect((await rows('--tuning', table))[0].dispatches).toBe(1);
  const again = jsonLines(await run('tune', '--case', '^sum', '--seconds', '0.01', '--out', table, '--json'));
  expect(again).toMatchObject([{ rows: [{ op: 'sum', winner: expect.any(String) }] }]);
  expect(JSON.parse(await readFile(table, 'utf8'))).toMatchObject({ variants: { other: 'kept' } });
  await writeFile(table, '[]');
  expect(await run('bench', '--case', '^sum', '--tuning', table)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/tuning\.json is not a tuning table/),
  });
}, 120_000);
