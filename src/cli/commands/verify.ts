// `five-tigers verify`: checks every op and kernel on the user's GPU against the CPU reference.

import { openDevice, summarize, verify, verifyCases, verifyReport, describeRow } from '../../node.ts';
import type { DeviceKind, OpSummary, VerifyRow } from '../../node.ts';
import { CommandError, USAGE } from '../ui/command-error.ts';
import { describeDevice } from '../ui/device.ts';
import { nearNames } from '../ui/near-names.ts';
import { openProfiler, profileTable, type MeasuredProfile, type ProfileOption } from '../ui/profile.ts';
import { textTable } from '../ui/table.ts';
import { grouped, showProgress, type Terminal } from '../ui/terminal.ts';
import { addCommon, addProfile } from '../ui/options.ts';
import type { PlainCommand } from './command.ts';

interface VerifyOptions {
  readonly op?: readonly string[];
  readonly device: DeviceKind;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** At most this many failures are listed. */
const MOST_FAILURES = 10;

/** Checks the GPU; if anything fails, lists the failing cases and exits with code 1. */
export const verifyCommand: PlainCommand<VerifyOptions> = {
  name: 'verify',
  description: 'check every kernel on this GPU against the CPU reference',
  define(command) {
    addProfile(addCommon(command.option('--op <names...>', 'ops to check (default: all)')));
  },
  run: verifyDevice,
};

async function verifyDevice(options: VerifyOptions, terminal: Terminal): Promise<void> {
  const { op: ops, device: kind, json } = options;
  for (const name of ops ?? []) expectOp(name);
  if (kind === 'cpu')
    throw new CommandError('verify compares a GPU with the CPU reference, so it cannot run with --device cpu.', USAGE);
  // There are many programs, all of them short: one run of each is enough.
  const profiler = await openProfiler(options.profile, { runs: 1 });
  const device = await openDevice('webgpu');
  const rows: VerifyRow[] = [];
  let profile: MeasuredProfile | undefined;
  // The total is known only when the first group starts.
  let progress: ReturnType<typeof showProgress> | undefined;
  try {
    const onProgress = (done: number, total: number, next: string) => {
      progress ??= showProgress(terminal, 'verify', total, json);
      progress.update(done, next);
    };
    for await (const row of verify(device, { ops, onProgress, onProgram: profiler.onProgram })) rows.push(row);
    profile = await profiler.complete(device);
  } finally {
    progress?.stop();
    device.destroy();
  }
  const failed = rows.filter(({ ok }) => !ok);
  if (json) terminal.result(JSON.stringify({ ...verifyReport(device, rows), profile }));
  else {
    terminal.result(table(summarize(rows)));
    const outcome = failed.length === 0 ? 'all passed' : `${grouped(failed.length)} failed`;
    terminal.result(`${grouped(rows.length)} comparisons on ${describeDevice(device)}: ${outcome}.`);
    const { f16, subgroups, subgroupMatrix } = device.capabilities!;
    if (!f16) terminal.result('Skipped f16: this GPU does not support it.');
    if (subgroupMatrix.length === 0) terminal.result('Skipped kernels for matrix units: this GPU has none.');
    if (!subgroups) terminal.result('Skipped subgroup variants: this GPU does not support subgroups.');
    if (profile) terminal.result(`\n${profileTable(profile)}`);
  }
  if (failed.length === 0) return;
  const lines = failed.slice(0, MOST_FAILURES).map((row) => `  ${describeRow(row)}: ${row.problem}`);
  const more = failed.length > MOST_FAILURES ? [`  and ${failed.length - MOST_FAILURES} more`] : [];
  throw new CommandError(['Different from the CPU reference:', ...lines, ...more].join('\n'));
}

function expectOp(name: string): void {
  if (Object.hasOwn(verifyCases, name)) return;
  const near = nearNames(name, Object.keys(verifyCases));
  const hint = near.length > 0 ? `Did you mean ${near.join(', ')}?` : `Ops: ${Object.keys(verifyCases).join(', ')}.`;
  throw new CommandError(`There is no op "${name}". ${hint}`, USAGE);
}

function table(ops: readonly OpSummary[]): string {
  const number = (value: number) => (value === 0 ? '0' : value.toExponential(1));
  const cells = ops.map(({ op, variants, dtypes, worst, ok }) => [
    op,
    variants.join(' '),
    dtypes.join(' '),
    number(worst.maxError),
    number(worst.tolerance),
    ok ? 'ok' : 'FAILED',
  ]);
  return textTable([['op', 'variants', 'types', 'worst error', 'tolerance', ''], ...cells]);
}
