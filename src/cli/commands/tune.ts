// `five-tigers tune`: writes a table of the fastest kernel variants on the user's GPU.

import { existsSync } from 'node:fs';
import {
  mergeTuning, openDevice, shortNumber, tune, writeFileAtomic, type DeviceKind, type TuneRow,
} from '../../node.ts'; // prettier-ignore
import { chosenCases } from './chosen-cases.ts';
import { CommandError, USAGE } from '../ui/command-error.ts';
import { describeDevice, readTuning } from '../ui/device.ts';
import { openProfiler, profileTable, type ProfileOption } from '../ui/profile.ts';
import { textTable } from '../ui/table.ts';
import { showProgress, type Terminal } from '../ui/terminal.ts';
import { addCommon, addProfile, positive } from '../ui/options.ts';
import type { PlainCommand } from './command.ts';

interface TuneCommandOptions {
  readonly case?: string;
  readonly all?: boolean;
  readonly seconds?: number;
  readonly out?: string;
  readonly device: DeviceKind;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Tunes the GPU for the chosen cases, and adds the results to the table. */
export const tuneCommand: PlainCommand<TuneCommandOptions> = {
  name: 'tune',
  description: 'find the fastest correct variant of each kernel on this GPU',
  define(command) {
    command
      .option('--case <regex>', 'cases whose name or group matches (default: all)')
      .option('--all', 'run large cases on software adapters too')
      .option('--seconds <n>', 'measuring time per variant (default: 0.2)', positive)
      .option('--out <file>', 'table file; results are added to an existing one (default: five-tigers-tuning.json)');
    addProfile(addCommon(command));
  },
  run: tuneDevice,
};

async function tuneDevice(options: TuneCommandOptions, terminal: Terminal): Promise<void> {
  const { all, seconds, out = 'five-tigers-tuning.json', json } = options;
  if (options.device === 'cpu') throw new CommandError('tune chooses among GPU kernels; the CPU has none.', USAGE);
  const cases = await chosenCases(options.case);
  const older = existsSync(out) ? await readTuning(out) : null;
  const profiler = await openProfiler(options.profile);
  const device = await openDevice('webgpu');
  const progress = showProgress(terminal, 'tune', cases.length, json);
  try {
    const onProgress = ({ done, name }: { done: number; name: string }) => progress.update(done, name);
    const { table, rows } = await tune(device, cases, { all, seconds, onProgress, onProgram: profiler.onProgram });
    const profile = await profiler.complete(device);
    progress.update(cases.length);
    progress.stop();
    await writeFileAtomic(out, new TextEncoder().encode(`${JSON.stringify(older ? mergeTuning(older, table) : table, null, 1)}\n`)); // prettier-ignore
    if (json) terminal.result(JSON.stringify({ adapter: device.info.description, out, rows, profile }));
    else
      terminal.result(
        tableOf(
          rows,
          `${describeDevice(device)}: ${rows.length} ${rows.length === 1 ? 'choice is' : 'choices are'} in ${out}.`,
        ),
      );
    if (profile && !json) terminal.result(`\n${profileTable(profile)}`);
  } finally {
    progress.stop();
    device.destroy();
  }
}

function tableOf(rows: readonly TuneRow[], end: string): string {
  if (rows.length === 0) return `${end} No kernel of these cases has more than one variant here.`;
  const cells = rows.map(({ key, candidates, winner }) => {
    const time = (variant: string) => candidates.find((one) => one.variant === variant)?.milliseconds ?? NaN;
    const gain = time(candidates[0].variant) / time(winner);
    return [key.split(' | ').slice(1).filter(Boolean).join(' '), winner, shortNumber(time(winner)), Number.isFinite(gain) ? `${gain.toFixed(2)}×` : '–']; // prettier-ignore
  });
  const wrong = rows.flatMap(({ op, name, candidates }) =>
    candidates.flatMap(({ variant, problem }) => (problem ? [`Skipped ${op} ${variant} (${name}): ${problem}`] : [])),
  );
  return [textTable([['op and sizes', 'variant', 'ms', 'gain'], ...cells], [2, 3]), ...wrong, end].join('\n');
}
