// The table of layers as Markdown. As a script (`npm run map`), writes it into the map, src/README.md.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engine, layers, library } from '../../src/layers.ts';

/** Matches the table in the map. */
export const tableIn = /^\| layer \|[^]*?(?=\n\n)/m;

/** The table as Markdown. */
export function layerTable(): string {
  const code = (names: readonly string[]) => names.map((name) => `\`${name.replace(/^src\//, '')}\``);
  const groups = [{ name: 'the library', members: library }, { name: 'the engine', members: engine }]; // prettier-ignore
  const rows = layers.map(({ path, holds, imports, packages = [], nodePackages = [], node }) => {
    const group = groups.find(({ members }) => members.every((name) => imports.includes(name)));
    const others = code(imports.filter((name) => !group?.members.includes(name)));
    const all = [...(group ? [group.name] : []), ...others, ...(node ? ["Node's modules"] : [])];
    const named = code([...packages, ...nodePackages]).join(', ');
    return `| ${code([path])} | ${holds} | ${all.join(', ') || 'nothing'} | ${named} |`;
  });
  return ['| layer | holds | may import | packages |', '|---|---|---|---|', ...rows].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  const map = join(import.meta.dirname, '../../src/README.md');
  writeFileSync(map, readFileSync(map, 'utf8').replace(tableIn, layerTable));
}
