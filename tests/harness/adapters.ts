// Runs the tests that compute on a device once on every WebGPU implementation and software driver that is here.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { driverManifest } from '../../src/backends/webgpu/adapter-node.ts';
import { driverEnvironment } from './software-adapter.ts';

const root = join(import.meta.dirname, '..', '..');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

interface Run {
  readonly name: string;
  /** Command and environment. Throws an Error that says why this run cannot be had here. */
  prepare(): Promise<{ command: readonly string[]; env: Record<string, string> }>;
}

/** Dawn, Chrome's implementation (WGSL compiler: Tint). */
const dawn = (driver: 'swiftshader' | 'lavapipe'): Run => ({
  name: `Dawn on ${driver}`,
  async prepare() {
    await driverManifest(driver);
    return { command: [process.execPath, vitest], env: { FIVE_TIGERS_ADAPTER: driver } };
  },
});

/** Deno's wgpu, Firefox's implementation (WGSL compiler: Naga): the whole test runner runs in Deno. */
const deno = (driver: 'swiftshader' | 'lavapipe'): Run => ({
  name: `Deno (Naga) on ${driver}`,
  async prepare() {
    const program = join(dirname(createRequire(import.meta.url).resolve('deno/package.json')), 'bin.cjs');
    const flags = ['run', '--allow-all', '--unstable-webgpu', '--no-lock'];
    return { command: [process.execPath, program, ...flags, vitest], env: await driverEnvironment(driver) };
  },
});

/** Exit status of a command that shares this process's output. */
function execute(command: readonly string[], env: Record<string, string>): Promise<number> {
  const { FIVE_TIGERS_ADAPTER: _, VK_ICD_FILENAMES: __, VK_DRIVER_FILES: ___, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    spawn(command[0], command.slice(1), {
      cwd: root,
      env: { ...inherited, ...env },
      stdio: 'inherit',
    })
      .on('error', reject)
      .on('exit', (code) => resolve(code ?? 1));
  });
}

const folders = ['ops', 'autograd', 'runtime', 'nn', 'optim', 'train', 'models', 'verify'].map((name) =>
  join('tests', name),
);
const filters =
  process.argv.length > 2 ? process.argv.slice(2) : folders.filter((path) => existsSync(join(root, path)));

const results: string[] = [];
for (const { name, prepare } of [dawn('swiftshader'), dawn('lavapipe'), deno('swiftshader'), deno('lavapipe')]) {
  const ready = await prepare().catch((error: Error) => error);
  if (ready instanceof Error) {
    results.push(`not here  ${name}: ${ready.message}`);
    continue;
  }
  console.log(`\n== ${name}`);
  const part = results.some((result) => !result.startsWith('not here')) ? 'device' : 'all';
  const status = await execute([...ready.command, 'run', ...filters], { FIVE_TIGERS_TESTS: part, ...ready.env });
  results.push(`${status ? 'FAILED' : 'passed'}    ${name}`);
  if (status) process.exitCode = 1;
}
console.log(`\n${results.join('\n')}`);
