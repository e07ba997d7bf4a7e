// No import cycles in src, shaders and models, including type imports.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** Counted as one file, because their types are inherently cyclic: a node has an op, an op makes tensors, a tensor has a node. */
const KNOT = ['src/core/tensor.ts', 'src/core/op.ts', 'src/core/onnx.ts'];
const knotted = (file: string) => (KNOT.includes(file) ? KNOT[0] : file);

/** Each file's imports, by path. */
function importsOf(folders: readonly string[]): Map<string, string[]> {
  const imports = new Map<string, string[]>();
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name.endsWith('.d.ts')) continue;
      const file = join(folder, name);
      const text = readFileSync(join(root, file), 'utf8');
      const found = [...text.matchAll(/^(?:import|export)\s[^;'"]*['"](\.[^'"]+)['"]/gm)];
      const targets = found
        .map(([, path]) => knotted(join(dirname(file), path)))
        .filter((path) => path !== knotted(file));
      imports.set(knotted(file), [...(imports.get(knotted(file)) ?? []), ...targets]);
    }
  }
  return imports;
}

/** A cycle, as the files along it; null if there is none. */
function circle(imports: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const next of imports.get(file) ?? []) {
      const found = visit(next, [...path, file]);
      if (found) return found;
    }
    done.add(file);
    return null;
  };
  for (const file of imports.keys()) {
    const found = visit(file, []);
    if (found) return found;
  }
  return null;
}

test('a cycle is found', () => {
  const imports = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['b']],
  ]);
  expect(circle(imports)).toEqual(['b', 'c', 'b']);
});

test('files have no import cycles', () => {
  const imports = importsOf(['src', 'shaders', 'models']);
  expect(imports.get('src/runtime/compile.ts')).toContain('src/runtime/program.ts');
  expect(circle(imports)).toBeNull();
});
