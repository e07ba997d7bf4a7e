// The package as users get it: packed, installed in an empty project, type-checked, run, and bundled for browsers.

import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSafetensors } from '../../src/weights/safetensors.ts';

const root = join(import.meta.dirname, '..', '..');
let folder: string;
let project: string;
let packed: string[];

/** A command's output; if it fails, the error has everything it printed. */
async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  // On Windows npm is a batch file, which needs a shell.
  const shell = process.platform === 'win32' && command === 'npm';
  const running = promisify(execFile)(command, args, { cwd, shell, maxBuffer: 1 << 26 });
  const { stdout } = await running.catch(({ message, stdout }: { message: string; stdout: string }) => {
    throw new Error(`${message}\n${stdout}`);
  });
  return stdout;
}

/**
 * Dependencies from this checkout, so that the test works without a network. Development dependencies are excluded, so that
 * one that should be a dependency is missing here as it would be for users.
 */
async function dependencyOverrides(): Promise<Record<string, string>> {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  const paths = Object.keys(packages).filter((path) => path && !packages[path].dev && !packages[path].devOptional);
  return Object.fromEntries(paths.map((path) => [path.replace(/^.*node_modules\//, ''), `file:${join(root, path)}`]));
}

/** Type-checks and runs the TypeScript block under a README heading; returns its output. */
async function runReadmeScript(heading: string): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const section = readme.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`));
  const script = section?.match(/^```ts\n(.*?)^```/ms)?.[1];
  if (!script) throw new Error(`README.md has no \`\`\`ts block under "${heading}".`);
  await writeFile(join(project, 'script.ts'), script);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const flags = ['--strict', '--target', 'es2022', '--lib', 'es2023,dom,esnext.disposable', '--types', ''];
  await run(project, process.execPath, tsc, 'script.ts', '--module', 'nodenext', ...flags);
  return run(project, process.execPath, 'script.js');
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  project = join(folder, 'project');
  await mkdir(project);
  const [{ filename, files }] = JSON.parse(
    // npm prints the build's output before the JSON.
    (await run(root, 'npm', 'pack', '--json', '--pack-destination', folder)).replace(/^[^]*?(?=^\[)/m, ''),
  ) as { filename: string; files: { path: string }[] }[];
  packed = files.map(({ path }) => path);
  const local = (name: string) => `file:${join(root, 'node_modules', name)}`;
  const manifest = {
    private: true,
    type: 'module',
    dependencies: {
      'five-tigers': `file:${join(folder, filename)}`,
      webgpu: local('webgpu'),
      '@sparticuz/chromium': local('@sparticuz/chromium'),
    },
    overrides: await dependencyOverrides(),
  };
  await writeFile(join(project, 'package.json'), JSON.stringify(manifest));
  await run(project, 'npm', 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund');
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the package has the built library, types, weights, README and LICENSE, and no sources', () => {
  const names = ['README.md', 'LICENSE', 'dist/src/index.js', 'dist/src/index.d.ts', 'dist/src/node.js'];
  expect(packed).toEqual(expect.arrayContaining([...names, 'dist/models/index.js', 'dist/src/cli/main.js']));
  expect(packed.some((path) => path.startsWith('dist/shaders/'))).toBe(true);
  expect(packed.some((path) => path.startsWith('dist/models/') && path.endsWith('.safetensors'))).toBe(true);
  const stray = packed.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'));
  expect(stray).toEqual([]);
});

test("the README's script type-checks, and learns its eight images", async () => {
  const output = await runReadmeScript('In your own program');
  const losses = [...output.matchAll(/^loss (\S+)$/gm)].map(([, loss]) => Number(loss));
  // An untrained network has a loss of ln 10 for ten classes.
  expect(losses[0]).toBeCloseTo(Math.log(10), 1);
  expect(losses.at(-1)).toBeLessThan(losses[0] / 2);
  const scores = output
    .slice(output.lastIndexOf('['))
    .match(/-?\d+(\.\d+)?/g)!
    .map(Number);
  const rows = Array.from({ length: 8 }, (_, row) => scores.slice(10 * row, 10 * row + 10));
  const right = rows.filter((row, label) => row.indexOf(Math.max(...row)) === label);
  // Rounding on a GPU may change one close call.
  expect(right.length).toBeGreaterThanOrEqual(7);
}, 300_000);

test("the README's custom model learns", async () => {
  const output = await runReadmeScript('Train a model of your own');
  const losses = [...output.matchAll(/^loss (\S+)$/gm)].map(([, loss]) => Number(loss));
  expect(losses).toHaveLength(4);
  expect(losses.at(-1)).toBeLessThan(losses[0] / 2);
  expect(output).toMatch(/^\d+ bytes of checkpoint, \d+ of weights$/m);
}, 300_000);

test("the README's examples load a PyTorch file and save it at half the size", async () => {
  await copyFile(join(root, 'tests/fixtures/weights/training.pth'), join(project, 'theirs.pth'));
  const output = await runReadmeScript('Load pretrained weights');
  expect(output.trim()).toBe('weight, bias from PyTorch, without the prefix "module."');
  const { tensors } = readSafetensors(await readFile(join(project, 'ours.safetensors')));
  expect([...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape}`).sort()).toEqual([
    'bias f16 2',
    'weight f16 2,3',
  ]);
}, 120_000);

test("the README's GAN generates points near its circle", async () => {
  const output = await runReadmeScript('Train a GAN');
  const radii = [...output.matchAll(/, radius (\S+)$/gm)].map(([, radius]) => Number(radius));
  expect(radii).toHaveLength(4);
  // Before training its points are around the centre.
  expect(radii.at(-1)).toBeGreaterThan(0.5);
  expect(radii.at(-1)).toBeLessThan(1.5);
}, 300_000);

test("the README's custom op passes its test", async () => {
  expect(await runReadmeScript('Add an op of your own')).toMatch(/^\d+ comparisons, all right$/m);
}, 300_000);

test("the README's text generator learns its sentence", async () => {
  const output = await runReadmeScript('Generate text');
  // One character per line, which continue the prompt to the sentence.
  expect(output.replaceAll(/\n/g, '')).toBe(' stand in one frame');
}, 300_000);

/** Uses the library in a strict project without @webgpu/types. */
const TYPED = `
import { compile, openDevice, relu, spec, WebGpuDevice, type Device, type Trainer } from 'five-tigers';
import { type Op, testOp } from 'five-tigers/kernels';
import { models } from 'five-tigers/models';
const device: Device = await openDevice('cpu');
using program = await compile(device, ({ x }) => relu(x), { x: spec([2]) });
const { data } = await program.run({ x: Float32Array.of(-1, 1) });
export const first: number = data[0];
export const gpu: object | null = device instanceof WebGpuDevice ? device.gpu : null;
export const steps = (trainer: Trainer): number => trainer.stepsDone;
export const names: string[] = Object.keys(models);
export const check: (op: Op) => Promise<unknown> = ({ name }) => testOp(name, [], { device });
`;

test.each(['typescript', 'typescript-5.9'])(
  'types check in a strict project without WebGPU types: %s',
  async (compiler) => {
    await writeFile(join(project, 'typed.ts'), TYPED);
    for (const module of [{ module: 'nodenext' }, { module: 'esnext', moduleResolution: 'bundler' }]) {
      const compilerOptions = { ...module, noEmit: true, strict: true, skipLibCheck: false, target: 'es2022', lib: ['es2023', 'dom'], types: [] }; // prettier-ignore
      await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }));
      await run(project, process.execPath, join(root, 'node_modules', compiler, 'bin', 'tsc'), '-p', '.');
    }
    await rm(join(project, 'tsconfig.json'));
  },
);

test('the command runs from the installed package', async () => {
  const main = join(project, 'node_modules', 'five-tigers', 'dist', 'src', 'cli', 'main.js');
  const help = await run(project, process.execPath, main, '--help');
  expect(help).toMatch(/info[^]*train[^]*eval[^]*run/);
  expect(await readdir(join(project, 'node_modules', '.bin'))).toContain('five-tigers');
});

/** The text of a browser bundle of `code`. */
async function bundle(code: string): Promise<string> {
  const entry = join(project, 'entry.js');
  await writeFile(entry, code);
  const result = await build({
    root: project,
    configFile: false,
    logLevel: 'error',
    build: { write: false, rolldownOptions: { input: entry, preserveEntrySignatures: 'strict' } },
  });
  const { output } = (Array.isArray(result) ? result[0] : result) as { output: { type: string; code?: string }[] };
  return output.map((chunk) => chunk.code ?? '').join('\n');
}

test('a browser bundle has no Node code, and only what is used', async () => {
  const all = await bundle("export * from 'five-tigers';");
  const little = await bundle("export { openDevice } from 'five-tigers';");
  // Compared outside of expect(), whose message would contain the whole bundle.
  const ofNode = [...all.matchAll(/["'`]node:\w+|__vite-browser-external/g)].map(([text]) => text);
  expect(ofNode).toEqual([]);
  expect(/safetensors/.test(all)).toBe(true);
  expect(/safetensors/.test(little)).toBe(false);
  expect(little.length).toBeLessThan(all.length / 2);
});
