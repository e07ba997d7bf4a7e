// Merges tables from `five-tigers tune` into the one shipped with the package. Run: npm run tune:ship -- TABLE.json …

import { readFile, writeFile } from 'node:fs/promises';
import { mergeTuning, parseTuningTable } from '../../src/runtime/tuning.ts';
import { shippedTuning } from '../../src/runtime/shipped-tuning.ts';

const file = new URL('../../src/runtime/shipped-tuning.ts', import.meta.url);
let table = shippedTuning;
for (const name of process.argv.slice(2))
  table = mergeTuning(table, parseTuningTable(await readFile(name, 'utf8'), name));
const lines = Object.entries(table.variants)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([key, variant]) => `    '${key}': '${variant}',\n`);
const text = await readFile(file, 'utf8');
const variants = lines.length > 0 ? `{\n${lines.join('')}  }` : '{}';
await writeFile(file, text.replace(/variants: \{[^}]*\}/, `variants: ${variants}`));
console.log(`The shipped table has ${lines.length} choices.`);
