// Holds the linter to the layer rule: tries an import from every layer to every other and checks which ones it refuses.

import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** What computes and trains: everything below what is made of it. */
const engine = [
  'src/core', 'src/ops', 'src/autograd', 'src/backends', 'src/backends/webgpu', 'src/runtime', 'src/nn', 'src/optim',
]; // prettier-ignore

/** Which layers each layer may import. Itself is always allowed. */
const allowed: Record<string, readonly string[]> = {
  shaders: [],
  'src/core': [],
  'src/ops': ['src/core', 'shaders'],
  'src/autograd': ['src/core', 'src/ops'],
  'src/backends': ['src/core'],
  'src/backends/webgpu': ['src/core', 'src/backends'],
  'src/runtime': ['src/core', 'src/ops', 'src/backends', 'src/backends/webgpu'],
  'src/nn': ['src/core', 'src/ops'],
  'src/optim': ['src/core', 'src/ops'],
  'src/weights': ['src/core', 'src/nn'],
  'src/data': ['src/core', 'src/weights'],
  'src/verify': engine,
  'src/verify/cases': ['src/core', 'src/ops', 'src/autograd', 'src/nn', 'src/optim'],
  'src/bench': ['shaders', ...engine],
  'src/tune': [...engine, 'src/verify', 'src/verify/cases', 'src/bench'],
  'src/train': [...engine, 'src/weights', 'src/data'],
  'src/cli': ['src/node.ts', 'models/cnn/lenet5'],
  'models/cnn/lenet5': ['src/index.ts'],
  'demos/cnn': ['src/index.ts', 'models/cnn/lenet5'],
};
const layers = Object.keys(allowed);
const entries = ['src/index.ts', 'src/node.ts'];
const probe = (layer: string) => `${layer}/probe.ts`;
const target = (layer: string) => (layer.endsWith('.ts') ? layer : `${layer}/target.ts`);

let folder: string;
/** `file -> import` for every import that the linter refused. */
let refused: Set<string>;
let gpuNames: string[];
let nodeNames: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layers-'));
  const root = resolve(import.meta.dirname, '..');
  await copyFile(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  const write = async (file: string, text: string) => {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  };
  for (const from of layers) {
    const specifiers = [...layers, ...entries]
      .filter((to) => to !== from)
      .map((to) => relative(from, target(to)))
      .map((path) => (path.startsWith('.') ? path : `./${path}`));
    const lines = [...specifiers, 'node:fs/promises', 'left-pad'].map((name) => `import '${name}';`);
    await write(probe(from), `${lines.join('\n')}\nexport const device: GPUDevice | null = null;\nprocess.exit();\n`);
  }
  await write(
    'src/index.ts',
    `import './core/target.ts';\nimport './node.ts';\nimport 'node:fs';\nimport './cli/x.ts';\n`,
  );
  const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const run = promisify(execFile)(process.execPath, [oxlint, '--format=json'], { cwd: folder, maxBuffer: 1 << 26 });
  // The linter exits with 1 when it finds something, as it must here.
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; message: string; filename: string }[] };
  const restricted = diagnostics.filter(({ code }) => code.includes('no-restricted-imports'));
  refused = new Set(restricted.map(({ filename, message }) => `${filename} -> ${/'(.*?)'/.exec(message)?.[1]}`));
  nodeNames = diagnostics.filter(({ code }) => code.includes('no-restricted-globals')).map(({ filename }) => filename);
  gpuNames = diagnostics.filter(({ code }) => code.includes('no-restricted-types')).map(({ filename }) => filename);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(layers)('%s imports its layers and nothing else', (from) => {
  for (const to of [...layers, ...entries].filter((other) => other !== from)) {
    const path = relative(from, target(to));
    // A folder below its own is the same layer.
    if (!path.startsWith('.')) continue;
    expect([path, refused.has(`${probe(from)} -> ${path}`)]).toEqual([path, !allowed[from].includes(to)]);
  }
  expect(refused).toContain(`${probe(from)} -> left-pad`);
});

test('only files for Node import its modules', () => {
  const free = layers.filter((layer) => !refused.has(`${probe(layer)} -> node:fs/promises`));
  expect(free).toEqual(['src/cli']);
});

test('only files for Node name its globals', () => {
  const free = ['src/cli', 'src/backends/webgpu'];
  expect(nodeNames.sort()).toEqual(
    layers
      .filter((layer) => !free.includes(layer))
      .map(probe)
      .sort(),
  );
});

test('the public entry imports nothing of Node', () => {
  const found = [...refused].filter((line) => line.startsWith('src/index.ts'));
  expect(found.sort()).toEqual(['./cli/x.ts', './node.ts', 'node:fs'].map((path) => `src/index.ts -> ${path}`));
});

test('only src/backends/webgpu names GPU types', () => {
  expect(gpuNames.sort()).toEqual(
    layers
      .filter((layer) => layer !== 'src/backends/webgpu')
      .map(probe)
      .sort(),
  );
});
