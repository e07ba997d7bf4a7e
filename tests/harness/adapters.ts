// Runs the device tests, then verify(), on every available WebGPU implementation and software driver.
// `npm run test:adapters -- FILTER …` runs only matching tests.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { environmentWith, implementations, makeReport, reportFolder, root } from './implementations.ts';

/** Runs a command with inherited output; returns its exit status. */
function execute(command: readonly string[], env: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    spawn(command[0], command.slice(1), { cwd: root, env: environmentWith(env), stdio: 'inherit' })
      .on('error', reject)
      .on('exit', (code) => resolve(code ?? 1));
  });
}

const folders = ['ops', 'autograd', 'runtime', 'nn', 'optim', 'train', 'models', 'verify'].map((name) =>
  join('tests', name),
);
const given = process.argv.slice(2);
const filters = given.length > 0 ? given : folders.filter((path) => existsSync(join(root, path)));
await mkdir(reportFolder, { recursive: true });

const results: string[] = [];
const note = (isFine: boolean, what: string) => {
  results.push(`${isFine ? 'passed' : 'FAILED'}    ${what}`);
  if (!isFine) process.exitCode = 1;
};
// Tests that do not depend on the adapter run only on the first one.
let part = 'all';
for (const implementation of implementations) {
  const { title } = implementation;
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const ready = await implementation.command(vitest).catch((error: Error) => error);
  if (ready instanceof Error) {
    results.push(`not here  ${title}: ${ready.message}`);
    continue;
  }
  console.log(`\n== ${title}`);
  const status = await execute([...ready.command, 'run', ...filters], { FIVE_TIGERS_TESTS: part, ...ready.env });
  part = 'device';
  note(!status, `${title}: tests`);
  if (given.length > 0) continue;
  const report = await makeReport(implementation, reportFolder).catch((error: Error) => error);
  if (report instanceof Error) {
    note(false, `${title}: verify, which ended without a report: ${report.message}`);
    continue;
  }
  const failed = report.cases.filter(({ ok }) => !ok);
  for (const row of failed) console.log(row);
  note(failed.length === 0, `${title}: verify, ${report.cases.length} comparisons`);
}
console.log(`\n${results.join('\n')}`);
if (given.length === 0)
  console.log(`The reports of verify are in ${reportFolder}: \`npm run parity\` makes tables of them.`);
