// What all commands share: help, wrong usage, exit codes and output streams; and `info`.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { jsonLines, run, start } from './cli.ts';

const root = join(import.meta.dirname, '..', '..');

afterEach(() => vi.unstubAllEnvs());

test('help and version go to stdout with code 0', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(await run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  const help = await run('--help');
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const command of ['info', 'verify', 'bench', 'tune', 'train', 'eval', 'run', 'inspect', 'diverge']) {
    expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    const words = ['train', 'eval', 'run', 'inspect', 'diverge'].includes(command) ? [command, 'lenet5'] : [command];
    const own = await run(...words, '--help');
    expect(own).toMatchObject({ code: 0, stderr: '' });
    for (const option of ['--device', '--json', '--help']) expect(own.stdout).toContain(option);
  }
});

test.each([
  [
    ['bogus'],
    /unknown command 'bogus'[^]*Commands: models, info, .*train, eval, run, generate, export, inspect, diverge/,
  ],
  [['train', 'lenet', '--data', '.'], /no model "lenet"\. Did you mean lenet5\? Models that support train: lenet5/],
  [['eval', '--data', '.', 'lenet5'], /Name the model first: five-tigers eval lenet5/],
  [['train', 'lenet5'], /required option '--data <path...>' not specified/],
  [
    ['train', 'lenet5', '--data', '.', '--epoch', '2'],
    /'--epoch'[^]*Did you mean --epochs\?[^]*Options: .*--batch.*--resume/,
  ],
  [['train', 'lenet5', '--data', '.', '--batch', '1.5'], /'1\.5' is invalid\. Must be an integer of at least 1/],
  [['train', 'lenet5', '--data', '.', '--lr', '-1'], /'-1' is invalid\. Must be a number above 0/],
  [['train', 'lenet5', '--data', '.', '--seed', '-1'], /'-1' is invalid\. Must be an integer of at least 0/],
  [['train', 'lenet5', '--data', '.', '--optimizer', 'newton'], /adamw, adam, sgd/],
  [['info', '--device', 'tpu'], /auto, webgpu, cpu/],
  [['verify', '--op', 'matmull', '--json'], /no op "matmull"\. Did you mean matmul[,?]/],
  [['verify', '--op', 'xyzzy'], /no op "xyzzy"\. Ops: .*softmax/],
  [['verify', '--device', 'cpu'], /compares a GPU with the CPU reference/],
  [['bench', '--case', '('], /"\(" is not a valid regular expression: [^]*Groups: matrices, .*models\./],
  [['bench', '--case', 'xyzzy'], /No case matches "xyzzy"\. Groups: matrices, .*models\./],
  [['tune', '--device', 'cpu'], /the CPU has none/],
  [['bench', '--seconds', '0'], /'0' is invalid\. Must be a number above 0/],
  [['run', 'lenet5'], /missing required argument 'image'/],
  [[], /Usage: five-tigers/],
])('wrong usage exits with 2: %j', async (args, message) => {
  const outcome = await run(...args);
  expect(outcome).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
});

test('info --json describes the device and the versions', async () => {
  const [gpu, ...more] = jsonLines(await run('info', '--json', '--device', 'webgpu'));
  expect(more).toEqual([]);
  expect(gpu).toMatchObject({ kind: 'webgpu', adapter: expect.stringMatching(/./), software: expect.any(Boolean) });
  expect(gpu.features).toBeInstanceOf(Array);
  expect(gpu.subgroupMatrix).toBeInstanceOf(Array);
  expect(gpu.limits).toMatchObject({ maxBufferSize: expect.any(Number) });
  expect(gpu.versions).toMatchObject({
    'five-tigers': expect.stringMatching(/^\d/),
    webgpu: expect.stringMatching(/^\d/),
  });
  const [cpu] = jsonLines(await run('info', '--json', '--device', 'cpu'));
  expect(cpu).toMatchObject({ kind: 'cpu', software: true });
});

test('info prints the adapter, its features and limits', async () => {
  const { code, stdout } = await run('info', '--device', 'webgpu');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Adapter {3}\S.*\n/);
  expect(stdout).toMatch(/^Versions {2}five-tigers \d/m);
  expect(stdout).toMatch(/^ {2}maxBufferSize +[\d,]+$/m);
});

test('without a GPU, auto uses the CPU and says why; webgpu is an error', async () => {
  vi.stubEnv('FIVE_TIGERS_ADAPTER', 'none-such');
  const automatic = await run('info', '--json');
  expect(automatic).toMatchObject({ code: 0, stderr: expect.stringMatching(/none-such[^]*CPU reference/) });
  expect(jsonLines(automatic)).toMatchObject([{ kind: 'cpu' }]);
  const demanded = await run('info', '--json', '--device', 'webgpu');
  expect(demanded).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('none-such') });
});

test('an error gives the exit code and one line, with the stack only on request', async () => {
  const args = ['eval', 'lenet5', '--data', join(root, 'no-such-folder'), '--weights', join(root, 'none.safetensors')];
  const plain = await start(...args).outcome;
  expect(plain).toMatchObject({ code: 1, stdout: '' });
  expect(plain.stderr).toMatch(/^Cannot read the weights: there is no file none\.safetensors in the folder .*\n$/);
  vi.stubEnv('FIVE_TIGERS_DEBUG', '1');
  expect((await start(...args).outcome).stderr).toMatch(/^Error: Cannot read the weights: .*\n +at /);
});

test('a process that used a GPU exits by itself, and keeps stderr out of stdout', async () => {
  const { code, stdout } = await start('info', '--json', '--device', 'webgpu').outcome;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ kind: 'webgpu' });
});
