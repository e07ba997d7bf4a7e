// Checks the linter and the map against the table of layers: tries every import between layers, and compares which ones the
// linter rejects.

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layers, type Layer } from '../src/layers.ts';
import { layerTable, tableIn } from './harness/layer-table.ts';

const root = resolve(import.meta.dirname, '..');
const packages = [...new Set(layers.flatMap((layer) => [...(layer.packages ?? []), ...(layer.nodePackages ?? [])]))];

/** Files that try every import: at two depths in a layer that is a folder, and one for Node. */
const probes = ({ path }: Layer) =>
  path.endsWith('.ts') ? [path] : [`${path}/probe.ts`, `${path}/family/probe.ts`, `${path}/probe-node.ts`];
const target = ({ path }: Layer) => (path.endsWith('.ts') ? path : `${path}/family/target.ts`);
const specifier = (from: string, to: string) => {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
};

let folder: string;
/** `file -> import` for every import that the linter rejected. */
let refused: Set<string>;
let gpuNames: Set<string>;
let nodeNames: Set<string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layers-'));
  const config = ['oxlint.config.ts', 'src/layers.ts', 'tests/harness/layer-rule.ts', 'package.json'];
  for (const file of config) await cp(join(root, file), join(folder, file));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const from of layers.flatMap(probes).filter((file) => file !== 'src/layers.ts')) {
    const files = layers.filter((layer) => target(layer) !== from).map((layer) => specifier(from, target(layer)));
    const names = [...files, ...packages, 'node:fs/promises', 'left-pad', specifier(from, 'src/core/target-node.ts')];
    const lines = [
      ...names.map((name) => `import '${name}';`),
      `void import('left-pad/lazy');`,
      `export * from 'left-pad/all';`,
    ];
    await mkdir(dirname(join(folder, from)), { recursive: true });
    await writeFile(
      join(folder, from),
      `${lines.join('\n')}\nexport const x: GPUDevice | null = null;\nprocess.exit();\n`,
    );
  }
  const [oxlint, tsx] = ['oxlint/bin/oxlint', 'tsx/dist/esm/index.mjs'].map((path) => join(root, 'node_modules', path));
  const args = ['--import', pathToFileURL(tsx).href, oxlint, '--format=json', 'src', 'shaders', 'models', 'demos'];
  // The linter exits with 1 when it finds problems, as expected here.
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, maxBuffer: 1 << 26 }).catch(
    (error: { stdout: string }) => error,
  );
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
  const of = (rule: string) => diagnostics.filter(({ code }) => code.includes(rule));
  const lines = new Map<string, string[]>();
  const textAt = async ({ filename, labels }: Diagnostic) => {
    if (!lines.has(filename)) lines.set(filename, (await readFile(join(folder, filename), 'utf8')).split('\n'));
    return /'(.*?)'/.exec(lines.get(filename)![labels[0].span.line - 1])![1];
  };
  refused = new Set(
    await Promise.all(of('layers').map(async (found) => `${found.filename} -> ${await textAt(found)}`)),
  );
  nodeNames = new Set(of('no-restricted-globals').map(({ filename }) => filename));
  gpuNames = new Set(of('no-restricted-types').map(({ filename }) => filename));
});

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

afterAll(() => rm(folder, { recursive: true, force: true }));

const cases = layers
  .filter(({ path }) => path !== 'src/layers.ts')
  .flatMap((layer) => probes(layer).map((file) => ({ file, layer })));
const isForNode = (file: string) => file.endsWith('-node.ts');

test.each(cases)('$file may import only what its layer allows', ({ file, layer }) => {
  const expected = [
    ...layers
      .filter((other) => other !== layer && !layer.imports.includes(other.path))
      .map((other) => specifier(file, target(other))),
    ...packages.filter((name) => {
      if (layer.packages?.includes(name)) return false;
      return !(isForNode(file) && layer.nodePackages?.includes(name));
    }),
    'left-pad',
    'left-pad/lazy',
    'left-pad/all',
  ];
  if (!layer.node && !isForNode(file)) expected.push('node:fs/promises');
  const mayCore = layer.path === 'src/core' || layer.imports.includes('src/core');
  if (!mayCore || !(layer.node || isForNode(file))) expected.push(specifier(file, 'src/core/target-node.ts'));
  const found = [...refused].filter((line) => line.startsWith(`${file} -> `)).map((line) => line.split(' -> ')[1]);
  expect(found.sort()).toEqual(expected.sort());
});

test('only src/backends/webgpu uses GPU types, and only Node files use Node globals', () => {
  const files = cases.map(({ file }) => file).filter((file) => !file.startsWith('src/backends/webgpu/'));
  expect([...gpuNames].sort()).toEqual([...files].sort());
  const isFree = (file: string) =>
    file.startsWith('src/cli/') || file === 'src/node.ts' || (file.startsWith('src/') && isForNode(file));
  expect([...nodeNames].sort()).toEqual(files.filter((file) => !isFree(file)).sort());
});

test('layers have no cycles', () => {
  const reach = (path: string, seen = new Set<string>()): Set<string> => {
    for (const next of layers.find((layer) => layer.path === path)!.imports)
      if (!seen.has(next)) reach(next, seen.add(next));
    return seen;
  };
  expect(layers.map(({ path }) => path).filter((path) => reach(path).has(path))).toEqual([]);
});

test('the map has the current table: run `npm run map`', async () => {
  const map = await readFile(join(root, 'src/README.md'), 'utf8');
  expect(tableIn.exec(map)?.[0]).toBe(layerTable());
});
