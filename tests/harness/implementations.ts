// The WebGPU implementations and software drivers to test on, and how to run a program on each.

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { driverManifest } from '../../src/backends/webgpu/adapter-node.ts';
import type { VerifyReport } from '../../src/index.ts';
import { driverEnvironment } from './software-adapter.ts';

export const root = join(import.meta.dirname, '..', '..');

export interface Implementation {
  /** For example `dawn-swiftshader`. */
  readonly name: string;
  readonly title: string;
  /** The command that runs `script` there. @throws an Error that says why this implementation or driver is unavailable. */
  command(script: string): Promise<{ command: readonly string[]; env: Record<string, string> }>;
}

type Driver = 'swiftshader' | 'lavapipe';

/**
 * lavapipe compiles twice as fast for half as many lanes, and compilation dominates its tests. Mesa's cache does not
 * distinguish the two.
 */
const narrow = (driver: Driver): Record<string, string> =>
  driver === 'lavapipe'
    ? { LP_NATIVE_VECTOR_WIDTH: '128', MESA_SHADER_CACHE_DIR: join(tmpdir(), 'five-tigers-lavapipe') }
    : {};

const titles = { swiftshader: 'SwiftShader', lavapipe: 'lavapipe' } as const;

/** Dawn, Chrome's implementation (WGSL compiler: Tint). */
const dawn = (driver: Driver): Implementation => ({
  name: `dawn-${driver}`,
  title: `Dawn, ${titles[driver]}`,
  async command(script) {
    await driverManifest(driver);
    const loader = script.endsWith('.ts') ? ['--import', 'tsx'] : [];
    return { command: [process.execPath, ...loader, script], env: { ...narrow(driver), FIVE_TIGERS_ADAPTER: driver } };
  },
});

/** Deno's wgpu, Firefox's implementation (WGSL compiler: Naga): the whole program runs in Deno. */
const deno = (driver: Driver): Implementation => ({
  name: `deno-${driver}`,
  title: `Deno, ${titles[driver]}`,
  async command(script) {
    const program = join(dirname(createRequire(import.meta.url).resolve('deno/package.json')), 'bin.cjs');
    const flags = ['run', '--allow-all', '--unstable-webgpu', '--no-lock'];
    return {
      command: [process.execPath, program, ...flags, script],
      env: { ...narrow(driver), ...(await driverEnvironment(driver)) },
    };
  },
});

export const implementations: readonly Implementation[] = [
  dawn('swiftshader'),
  dawn('lavapipe'),
  deno('swiftshader'),
  deno('lavapipe'),
];

/** This process's environment with `env`, and without a driver choice. */
export function environmentWith(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { FIVE_TIGERS_ADAPTER: _, VK_ICD_FILENAMES: __, VK_DRIVER_FILES: ___, ...inherited } = process.env;
  return { ...inherited, ...env };
}

/** Default folder for reports of `five-tigers verify --json`. */
export const reportFolder = join(tmpdir(), 'five-tigers-parity');

/** Infinity and NaN are null in JSON. */
function reportOf(text: string): VerifyReport {
  const report = JSON.parse(text) as VerifyReport;
  return { ...report, cases: report.cases.map((row) => ({ ...row, maxError: row.maxError ?? Infinity })) };
}

/** Runs `five-tigers verify` there and writes its report to `folder` as `NAME.json`. @throws like `command`, and without a report. */
export async function makeReport(implementation: Implementation, folder: string): Promise<VerifyReport> {
  const { command, env } = await implementation.command(join(root, 'src', 'cli', 'main.ts'));
  const stdout = await new Promise<string>((resolve) => {
    const options = { cwd: root, env: environmentWith(env), maxBuffer: 1 << 28 };
    // With failures, verify exits with 1 and still prints a report.
    execFile(command[0], [...command.slice(1), 'verify', '--json'], options, (_error, out) => resolve(out));
  });
  const report = reportOf(stdout);
  await writeFile(join(folder, `${implementation.name}.json`), stdout);
  return report;
}

/** Reads the report of an earlier makeReport(). */
export const keptReport = async ({ name }: Implementation, folder: string): Promise<VerifyReport> =>
  reportOf(await readFile(join(folder, `${name}.json`), 'utf8'));
