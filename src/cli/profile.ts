// --profile: where the time of a command's program goes, as a table and as a Chrome trace.

import { writeFile } from 'node:fs/promises';
import {
  bestMilliseconds, chromeTrace, gigaRate, measureCeilings, shortNumber, type Ceilings, type Device, type Profile, type ProfileRow,
} from '../node.ts'; // prettier-ignore
import { CommandError } from './command-error.ts';
import { describeCeilings, part, textTable } from './table.ts';

/** The value of `--profile`: true without a file for the trace. */
export type ProfileOption = string | true;

/** A profile, and what the device could do at most: the field `profile` of a command's JSON. */
export interface MeasuredProfile extends Profile {
  readonly ceilings: Ceilings;
}

/** Measures the device's ceilings for `profile`, and writes a Chrome trace where `option` names a file. */
export async function completeProfile(
  device: Device,
  profile: Profile,
  option: ProfileOption,
): Promise<MeasuredProfile> {
  if (option !== true) {
    await writeFile(option, JSON.stringify(chromeTrace(profile))).catch((cause: Error) => {
      throw new CommandError(`Cannot write the trace: ${cause.message}`, 1, { cause });
    });
  }
  return { ...profile, ceilings: await measureCeilings(device) };
}

/** Steps that are listed: those that take longest. */
const MOST_STEPS = 15;
const MOST_CHARACTERS = 44;

const title = ({ kernels }: ProfileRow): string => {
  const text = [...new Set(kernels)].join(' ');
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
};

/** The steps that take longest, how much of the device they use, and the sum of all. */
export function profileTable({ rows, milliseconds, clock, runs, ceilings }: MeasuredProfile): string {
  const sorted = rows.toSorted((a, b) => b.milliseconds - a.milliseconds);
  const cells = sorted
    .slice(0, MOST_STEPS)
    .map((row) => [
      String(row.step),
      title(row),
      row.outputs.join(' '),
      shortNumber(row.milliseconds),
      part(row.share),
      gigaRate(row.flops, row.milliseconds),
      gigaRate(row.bytes, row.milliseconds),
      part(bestMilliseconds(row, ceilings) / row.milliseconds),
    ]);
  const rest = sorted.slice(MOST_STEPS).reduce((sum, { share }) => sum + share, 0);
  const headings = ['step', 'kernels', 'outputs', 'ms', 'share', 'GFLOP/s', 'GB/s', 'of ceiling'];
  const whose = clock === 'host' ? "by the host's clock, the way to the device included" : "by the GPU's clock";
  return [
    textTable([headings, ...cells], [0, 3, 4, 5, 6, 7]),
    ...(sorted.length > MOST_STEPS ? [`${sorted.length - MOST_STEPS} more steps take ${part(rest)}.`] : []),
    `All ${sorted.length} steps: ${shortNumber(milliseconds)} ms (medians of ${runs} runs, ${whose})`,
    `Ceilings: ${describeCeilings(ceilings)}`,
  ].join('\n');
}
