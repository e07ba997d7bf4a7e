// --profile: the time of every kernel that a command runs, as a table and as a Chrome trace.

import { writeFile } from 'node:fs/promises';
import {
  bestMilliseconds, chromeTrace, gigaRate, measureCeilings, mergeProfiles, profile, shortNumber, type Ceilings, type Device,
  type OnProgram, type Profile, type ProfileRow,
} from '../../node.ts'; // prettier-ignore
import { CommandError } from './command-error.ts';
import { describeCeilings, part, textTable } from './table.ts';
import { expectWritable } from './writable.ts';

/** The value of `--profile`: a file for the trace, or true without one. */
export type ProfileOption = string | true;

/** A profile with the device's ceilings: the field `profile` of a command's JSON. */
export interface MeasuredProfile extends Profile {
  readonly ceilings: Ceilings;
}

/** Collects the profile of each program that a command passes to `onProgram`. */
export interface Profiler {
  /** Absent without `--profile`: then nothing is run for it. */
  readonly onProgram?: OnProgram;
  add(profile: Profile): void;
  /** Merges all profiles, with the device's ceilings, and writes the Chrome trace if a file was given; undefined without any. */
  complete(device: Device): Promise<MeasuredProfile | undefined>;
}

/** Makes the profiler for `--profile`. Throws, before any work, if its file cannot be written. */
export async function openProfiler(
  option: ProfileOption | undefined,
  { runs }: { readonly runs?: number } = {},
): Promise<Profiler> {
  if (typeof option === 'string') await expectWritable(option);
  const profiles: Profile[] = [];
  const add = (one: Profile) => void profiles.push(one);
  return {
    ...(option && { onProgram: async (program, inputs, name) => add(await profile(program, inputs, { runs, name })) }),
    add,
    async complete(device) {
      if (profiles.length === 0) return undefined;
      const whole = mergeProfiles(profiles);
      if (typeof option === 'string') {
        await writeFile(option, JSON.stringify(chromeTrace(whole))).catch((cause: Error) => {
          throw new CommandError(`Cannot write the trace: ${cause.message}`, 1, { cause });
        });
      }
      return { ...whole, ceilings: await measureCeilings(device) };
    },
  };
}

/** At most this many steps are listed, the longest first. */
const MOST_STEPS = 15;
const MOST_CHARACTERS = 44;

const title = ({ kernels }: ProfileRow): string => {
  const text = [...new Set(kernels)].join(' ');
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
};

/** The longest steps, how much of the device's ceilings they reach, and the total. */
export function profileTable({ rows, milliseconds, clock, runs, ceilings }: MeasuredProfile): string {
  const programs = new Set(rows.map(({ program }) => program)).size;
  const ofMany = (cell: string) => (programs > 1 ? [cell] : []);
  const sorted = rows.toSorted((a, b) => b.milliseconds - a.milliseconds);
  const cells = sorted
    .slice(0, MOST_STEPS)
    .map((row) => [
      ...ofMany(row.program!),
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
  const headings = [...ofMany('program'), 'step', 'kernels', 'outputs', 'ms', 'share', 'GFLOP/s', 'GB/s', 'of ceiling'];
  const whose = clock === 'host' ? "by the host's clock, including the round trip to the device" : "by the GPU's clock";
  return [
    textTable(
      [headings, ...cells],
      [0, 3, 4, 5, 6, 7].map((column) => column + ofMany('').length),
    ),
    ...(sorted.length > MOST_STEPS ? [`${sorted.length - MOST_STEPS} more steps take ${part(rest)}.`] : []),
    `All ${sorted.length} steps${programs > 1 ? ` of ${programs} programs` : ''}: ${shortNumber(milliseconds)} ms (medians of ${runs} ${runs === 1 ? 'run' : 'runs'}, ${whose})`,
    `Ceilings: ${describeCeilings(ceilings)}`,
  ].join('\n');
}
