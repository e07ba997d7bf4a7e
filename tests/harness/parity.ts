// Writes how exact each op is on every WebGPU implementation and driver that is here: src/verify/README.md, and in short README.md.
// `npm run parity -- FOLDER` keeps the reports of `five-tigers verify --json` in FOLDER, and uses those that are there;
// with `--kept` after it, no others.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { partOf, summarize, type VerifyReport } from '../../src/index.ts';
import { driverEnvironment } from './software-adapter.ts';

const root = join(import.meta.dirname, '..', '..');
const main = join(root, 'src', 'cli', 'main.ts');
const folder = process.argv[2] ?? join(tmpdir(), 'five-tigers-parity');
const runs = (['dawn', 'deno'] as const).flatMap((implementation) =>
  (['swiftshader', 'lavapipe'] as const).map((driver) => ({ implementation, driver })),
);
type Run = (typeof runs)[number];

/** Command and environment of a run. */
async function commandOf({ implementation, driver }: Run): Promise<{ command: string[]; env: Record<string, string> }> {
  if (implementation === 'dawn') {
    return { command: [process.execPath, '--import', 'tsx', main], env: { FIVE_TIGERS_ADAPTER: driver } };
  }
  const program = join(dirname(createRequire(import.meta.url).resolve('deno/package.json')), 'bin.cjs');
  const flags = ['run', '--allow-all', '--unstable-webgpu', '--no-lock'];
  return { command: [process.execPath, program, ...flags, main], env: await driverEnvironment(driver) };
}

/** The report of a run: a kept one, or a new one; null where the implementation or the driver is not here. */
async function reportOf(run: Run): Promise<VerifyReport | null> {
  const file = join(folder, `${run.implementation}-${run.driver}.json`);
  if (!existsSync(file)) {
    if (process.argv.includes('--kept')) return null;
    try {
      const { command, env } = await commandOf(run);
      console.log(`verify on ${run.implementation}, ${run.driver} …`);
      const stdout = await new Promise<string>((resolve) => {
        const options = { cwd: root, env: { ...process.env, ...env }, maxBuffer: 1 << 28 };
        // A report that finds something ends with exit code 1, and is a report all the same.
        execFile(command[0], [...command.slice(1), 'verify', '--json'], options, (_error, out) => resolve(out));
      });
      JSON.parse(stdout);
      await writeFile(file, stdout);
    } catch (error) {
      console.log(`not here: ${(error as Error).message}`);
      return null;
    }
  }
  const report = JSON.parse(await readFile(file, 'utf8')) as VerifyReport;
  // What is no number is null in JSON.
  return { ...report, cases: report.cases.map((row) => ({ ...row, maxError: row.maxError ?? Infinity })) };
}

/** The part of the tolerance that an op's worst comparison used, of f32 and of f16. */
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

/** A line of README.md's table: what a run compared, and the parts of the tolerances that its worst comparisons used. */
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

/** Puts `lines` between the two comments in README.md that name parity. */
async function writeSummary(lines: readonly string[]): Promise<void> {
  const file = join(root, 'README.md');
  const text = await readFile(file, 'utf8');
  const [start, end] = ['<!-- npm run parity -->', '<!-- /parity -->'];
  const [at, until] = [text.indexOf(start), text.indexOf(end)];
  if (at < 0 || until < at) throw new Error(`README.md needs ${start} and, after it, ${end}: the table goes between.`);
  await writeFile(file, `${text.slice(0, at)}${start}\n\n${lines.join('\n')}\n\n${text.slice(until)}`);
}

await mkdir(folder, { recursive: true });
const columns: { title: string; report: VerifyReport }[] = [];
for (const run of runs) {
  const report = await reportOf(run);
  const title = `${run.implementation === 'dawn' ? 'Dawn' : 'Deno'}, ${run.driver === 'lavapipe' ? 'lavapipe' : 'SwiftShader'}`;
  if (report) columns.push({ title, report });
}
const ops = [...new Set(columns.flatMap(({ report }) => report.cases.map(({ op }) => op)))].sort();
const lines = [
  '# How exact each op is',
  '',
  'Every op and kernel variant, forward and backward, against the CPU reference: what part of its tolerance (`tolerances.ts`, each with its',
  'reason) the worst comparison used. 0 is the same bits, 1 would be the tolerance, **more** is a failure. Where a second number follows it',
  'is that of f16. Dawn is the WebGPU of Chrome (WGSL compiler Tint), Deno has that of Firefox (Naga). Made by `npm run parity`; your own',
  'GPU is checked by `npx five-tigers verify` and by the page "Check my GPU".',
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
