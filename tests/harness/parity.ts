// Writes how exact each op is on every WebGPU implementation and driver found here: to src/verify/README.md, and a summary to README.md.
// `npm run parity -- FOLDER` keeps the reports of `five-tigers verify --json` in FOLDER and reuses those already there;
// with `--kept` after it, it makes no new ones.

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { partOf, summarize, type VerifyReport } from '../../src/index.ts';
import { implementations, keptReport, makeReport, reportFolder, root, type Implementation } from './implementations.ts';

const folder = process.argv[2] ?? reportFolder;

/** The report of a run: a kept one, or a new one; null if the implementation or the driver is not found. */
async function reportOf(implementation: Implementation): Promise<VerifyReport | null> {
  if (existsSync(join(folder, `${implementation.name}.json`))) return keptReport(implementation, folder);
  if (process.argv.includes('--kept')) return null;
  console.log(`verify on ${implementation.title} …`);
  return makeReport(implementation, folder).catch((error: Error) => {
    console.log(`not found: ${error.message}`);
    return null;
  });
}

/** The fraction of the tolerance that an op's worst comparison used, for f32 and for f16. */
function cell(report: VerifyReport, op: string): string {
  const rows = report.cases.filter((row) => row.op === op);
  const of = (f16: boolean) => {
    const [found] = summarize(rows.filter(({ dtype }) => (dtype === 'f16') === f16));
    if (!found) return null;
    const part = partOf(found.worst);
    return found.ok ? (part === 0 ? '0' : part.toFixed(2)) : `**${part.toPrecision(2)}**`;
  };
  return [of(false) ?? '–', of(true)].filter((text) => text !== null).join(' / ');
}

/** A row of README.md's table: what a run compared, and the fractions of the tolerances that its worst comparisons used. */
function summaryLine(title: string, { cases }: VerifyReport): string {
  const worst = (f16: boolean) => {
    const parts = cases.filter(({ dtype }) => (dtype === 'f16') === f16).map(partOf);
    return parts.length > 0 ? Math.max(...parts).toFixed(2) : '–';
  };
  const failed = cases.filter(({ ok }) => !ok).length;
  const variants = new Set(cases.flatMap(({ op, variant }) => variant.split(', ').map((name) => `${op} ${name}`)));
  const count = (n: number) => n.toLocaleString('en');
  return `| ${title} | ${count(cases.length)} | ${count(variants.size)} | ${failed} | ${worst(false)} | ${worst(true)} |`;
}

/** Writes `lines` between README.md's two parity comments. */
async function writeSummary(lines: readonly string[]): Promise<void> {
  const file = join(root, 'README.md');
  const text = await readFile(file, 'utf8');
  const [start, end] = ['<!-- npm run parity -->', '<!-- /parity -->'];
  const [at, until] = [text.indexOf(start), text.indexOf(end)];
  if (at < 0 || until < at)
    throw new Error(`README.md needs ${start} and, after it, ${end}, with the table between them.`);
  await writeFile(file, `${text.slice(0, at)}${start}\n\n${lines.join('\n')}\n\n${text.slice(until)}`);
}

await mkdir(folder, { recursive: true });
const columns: { title: string; report: VerifyReport }[] = [];
for (const implementation of implementations) {
  const report = await reportOf(implementation);
  if (report) columns.push({ title: implementation.title, report });
}
const ops = [...new Set(columns.flatMap(({ report }) => report.cases.map(({ op }) => op)))].sort();
const lines = [
  '# How exact each op is',
  '',
  'Every op and kernel variant, forward and backward, against the CPU reference: the largest fraction of its tolerance (in',
  '`cases/`, each with its reason) that any comparison used. 0 means identical bits, 1 would be the whole tolerance, and',
  "**more** is a failure. A second number, after a slash, is for f16. Dawn is Chrome's WebGPU (WGSL compiler Tint), Deno uses",
  'Firefox\'s (Naga). Made by `npm run parity`; to check your own GPU, use `npx five-tigers verify` or the page "Check my GPU".',
  '',
  `| op | ${columns.map(({ title }) => title).join(' | ')} |`,
  `|---|${columns.map(() => '---|').join('')}`,
  ...ops.map((op) => `| ${op} | ${columns.map(({ report }) => cell(report, op)).join(' | ')} |`),
  `| comparisons | ${columns.map(({ report }) => report.cases.length.toLocaleString('en')).join(' | ')} |`,
];
await writeFile(join(root, 'src', 'verify', 'README.md'), `${lines.join('\n')}\n`);
await writeSummary([
  '| WebGPU, driver | comparisons | variants | failed | worst, f32 | worst, f16 |',
  '|---|---|---|---|---|---|',
  ...columns.map(({ title, report }) => summaryLine(title, report)),
]);
console.log(`README.md and src/verify/README.md: ${ops.length} ops on ${columns.length} adapters.`);
