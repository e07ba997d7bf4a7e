// `five-tigers bench`: how fast kernels and models are on the user's GPU, and how close to its ceilings.

import { writeFile } from 'node:fs/promises';
import {
  bench,
  compareReports,
  gigaRate,
  parseBenchReport,
  readFileOrExplain,
  shortNumber,
  type BenchReport,
} from '../../node.ts';
import { chosenCases } from './chosen-cases.ts';
import { CommandError } from '../ui/command-error.ts';
import { describeDevice, openChosenDevice, type DeviceOptions } from '../ui/device.ts';
import { openProfiler, profileTable, type MeasuredProfile, type ProfileOption } from '../ui/profile.ts';
import { describeCeilings, part, textTable } from '../ui/table.ts';
import { showProgress, type Terminal } from '../ui/terminal.ts';
import { addDevice, addProfile, addTuning, positive } from '../ui/options.ts';
import type { PlainCommand } from './command.ts';

interface BenchCommandOptions extends DeviceOptions {
  readonly case?: string;
  readonly variants?: boolean;
  readonly all?: boolean;
  readonly seconds?: number;
  /** True without a file name: to stdout. */
  readonly json?: string | true;
  readonly compare?: string;
  readonly profile?: ProfileOption;
}

/** Times the chosen cases, and compares them with an earlier report. */
export const benchCommand: PlainCommand<BenchCommandOptions> = {
  name: 'bench',
  description: 'time kernels and models on this GPU against its measured ceilings',
  define(command) {
    command
      .option('--case <regex>', 'cases whose name or group matches (default: all)')
      .option('--variants', 'time each kernel variant too')
      .option('--all', 'run large cases on software adapters too')
      .option('--seconds <n>', 'measuring time per case (default: 0.5)', positive)
      .option('--json [file]', 'write the report as JSON, to a file or (without a name, or with -) to stdout')
      .option('--compare <file>', 'compare with an earlier report');
    addTuning(addProfile(addDevice(command)));
  },
  run: benchDevice,
};

async function benchDevice(options: BenchCommandOptions, terminal: Terminal): Promise<void> {
  const { variants, all, seconds, json } = options;
  const cases = await chosenCases(options.case);
  // Read first: a bad file should not cost minutes of measuring.
  const earlier = options.compare ? await readReport(options.compare) : null;
  const onlyJson = json === true || json === '-';
  const profiler = await openProfiler(options.profile);
  const device = await openChosenDevice(options, terminal);
  const progress = showProgress(terminal, 'bench', cases.length, onlyJson);
  let report: BenchReport;
  let profile: MeasuredProfile | undefined;
  try {
    const onProgress = ({ done, name }: { done: number; name: string }) => progress.update(done, name);
    report = await bench(device, cases, { variants, all, seconds, onProgress, onProgram: profiler.onProgram });
    profile = await profiler.complete(device);
    progress.update(cases.length);
  } finally {
    progress.stop();
    device.destroy();
  }
  const text = JSON.stringify({ ...report, profile }, null, 1);
  if (onlyJson) terminal.result(text);
  else {
    terminal.result(reportTable(report, describeDevice(device)));
    if (profile) terminal.result(`\n${profileTable(profile)}`);
    if (json) {
      await writeFile(json, `${text}\n`).catch((cause: Error) => {
        throw new CommandError(`Cannot write the report: ${cause.message}`, 1, { cause });
      });
    }
  }
  if (earlier) (onlyJson ? terminal.note : terminal.result)(comparison(earlier, report, options.compare!, terminal));
}

async function readReport(file: string): Promise<BenchReport> {
  const bytes = await readFileOrExplain(file, 'the report to compare with');
  return parseBenchReport(new TextDecoder().decode(bytes), file);
}

function reportTable({ rows, ceilings, skipped }: BenchReport, device: string): string {
  const cells = rows.map(({ name, variant = '', milliseconds, quartiles: [low, high], flops, bytes, ofCeiling }) => [
    name,
    variant,
    shortNumber(milliseconds),
    `±${part((high - low) / 2 / milliseconds)}`,
    gigaRate(flops, milliseconds),
    gigaRate(bytes, milliseconds),
    part(ofCeiling),
  ]);
  const headings = ['case', 'variant', 'ms', 'spread', 'GFLOP/s', 'GB/s', 'of ceiling'];
  const byHost = rows.some(({ clock }) => clock === 'host')
    ? ["Timed by the host's clock, including the round trip to the device."]
    : [];
  return [
    textTable([headings, ...cells], [2, 3, 4, 5, 6]),
    '',
    `Ceilings of ${device}:`,
    `  ${describeCeilings(ceilings)}`,
    ...byHost,
    ...skipped.map(({ name, reason }) => `Skipped ${name}: ${reason}.`),
  ].join('\n');
}

function comparison(before: BenchReport, after: BenchReport, file: string, terminal: Terminal): string {
  const { rows, mean } = compareReports(before, after);
  if (before.adapter.description !== after.adapter.description) {
    terminal.note(
      `${file} was measured on another adapter, ${before.adapter.description}: the comparison is between two machines.`,
    );
  }
  if (rows.length === 0) return `${file} has none of these cases, so there is nothing to compare.`;
  const times = (value: number) => `${value.toFixed(2)}×`;
  const cells = rows.map(({ name, variant = '', before, after, speedup }) => {
    return [name, variant, shortNumber(before), shortNumber(after), times(speedup)];
  });
  return [
    '',
    textTable([['case', 'variant', 'ms before', 'ms now', 'speedup'], ...cells], [2, 3, 4]),
    `Geometric mean of the speedups: ${times(mean)}`,
  ].join('\n');
}
