// Times one computation on one device: warmed up, often enough, by the clock that says the most.

import { allocate } from '../core/dtype.ts';
import { toFloat16 } from '../core/float16.ts';
import type { Device, DispatchTime, Timing } from '../backends/device.ts';
import { RandomSource } from '../core/random.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import { Parameter } from '../core/parameter.ts';
import type { Tensor } from '../core/tensor.ts';
import { compile } from '../runtime/compile.ts';
import type { ChooseVariant } from '../runtime/lower.ts';
import { inspectProgram } from '../runtime/inspect.ts';
import type { OnProgram, TimedProgram } from '../runtime/profile.ts';

/** How long to measure, and what. */
export interface MeasureOptions {
  /** Seconds of measured runs, about. */
  readonly seconds?: number;
  readonly chooseVariant?: ChooseVariant;
  /** Called with the program, by this name, after it was timed. */
  readonly onProgram?: OnProgram;
  readonly name?: string;
}

/** What one computation took. Times are in milliseconds. */
export interface Measurement {
  /** Compiling and the first run. */
  readonly firstMilliseconds: number;
  /** Median over the runs: on the GPU's clock the kernels alone, else the whole run. */
  readonly milliseconds: number;
  /** Quartiles over the runs. */
  readonly quartiles: readonly [number, number];
  /** A run when many are queued one after the other and awaited together: kernels and what the host does for them. */
  readonly queuedMilliseconds: number;
  readonly clock: 'gpu' | 'host';
  readonly runs: number;
  readonly dispatches: number;
  readonly flops: number;
  readonly bytes: number;
}

/** A parameter with random values, evenly spread around `center`: what is computed lies on the device, and is never zeros. */
export function randomParameter(
  name: string,
  shape: Shape,
  scale = 1,
  center = 0,
  dtype: 'f32' | 'f16' = 'f32',
): Parameter {
  const random = new RandomSource(7, name.length + sizeOf(shape));
  // A block of random numbers over and over: making each would take longer than what is measured.
  const block = Float32Array.from({ length: 65521 }, () => random.uniform(center - scale, center + scale));
  const stored = dtype === 'f16' ? Uint16Array.from(block, toFloat16) : block;
  const data = allocate(dtype, sizeOf(shape));
  for (let from = 0; from < data.length; from += stored.length) {
    data.set(stored.subarray(0, Math.min(stored.length, data.length - from)), from);
  }
  return new Parameter({ shape, dtype, data }, { name });
}

/** For compile's `chooseVariant`: the variant of this name of every op that has one, else the first; without a name, as ever. */
export const variantNamed = (name: string | undefined): ChooseVariant | undefined =>
  name === undefined ? undefined : (_op, offered) => offered.find((one) => one.name === name) ?? offered[0];

/** Kernels that are shorter than this are repeated inside a pass: browsers' timestamps come in steps of 0.1 ms. */
const LONG_ENOUGH = 2;

/** Compiles and times `build`, a function without inputs. */
export async function measure(
  device: Device,
  build: () => Tensor | Readonly<Record<string, Tensor>>,
  { seconds = 0.5, chooseVariant, onProgram, name = '' }: MeasureOptions = {},
): Promise<Measurement> {
  const start = performance.now();
  using program = await compile(device, build, {}, { chooseVariant });
  await program.run({});
  const firstMilliseconds = performance.now() - start;

  const { times, clock, warm } = await sample(program, seconds);
  const { dispatches, flops, bytes } = inspectProgram(program);
  const quantile = (part: number) => times[Math.round(part * (times.length - 1))];
  const queuedMilliseconds = await queued(program, seconds * 500, warm);
  await onProgram?.(program, {}, name);
  return {
    firstMilliseconds,
    milliseconds: quantile(0.5),
    quartiles: [quantile(0.25), quantile(0.75)],
    queuedMilliseconds,
    clock,
    runs: times.length,
    dispatches,
    flops,
    bytes,
  };
}

/**
 * Times `program`, a function without inputs, for about `seconds`: sorted milliseconds of a run's dispatches that `counts`
 * takes; `warm` is the first of them, which may have been slower. Above `hopeless` milliseconds it is the only one.
 */
export async function sample(
  program: TimedProgram<Readonly<Record<string, never>>>,
  seconds: number,
  counts: (dispatch: DispatchTime) => boolean = () => true,
  hopeless = Infinity,
): Promise<{ readonly times: number[]; readonly clock: Timing['clock']; readonly warm: number }> {
  const once = async (repeats = 1) => {
    const { dispatches, clock } = await program.time({}, repeats);
    return { clock, milliseconds: dispatches.filter(counts).reduce((sum, one) => sum + one.milliseconds, 0) };
  };
  const { clock, milliseconds: warm } = await once();
  if (warm > hopeless) return { times: [warm], clock, warm };
  // What changes in place would change more than once.
  const repeats = program.plan.updates.length > 0 ? 1 : Math.min(100, Math.ceil(LONG_ENOUGH / Math.max(warm, 1e-3)));
  const times: number[] = [];
  const deadline = performance.now() + seconds * 1000;
  while (times.length < 3 || (times.length < 100 && performance.now() < deadline)) {
    times.push((await once(repeats)).milliseconds);
  }
  return { times: times.sort((a, b) => a - b), clock, warm };
}

/** Time of a run among many that are queued, measured for about `milliseconds`. */
async function queued(
  program: { enqueue(inputs: object): Promise<void>; finished(): Promise<void> },
  milliseconds: number,
  guess: number,
): Promise<number> {
  const runs = Math.max(2, Math.min(200, Math.ceil(milliseconds / 2 / Math.max(guess, 0.02))));
  let best = Infinity;
  for (let round = 0; round < 2; round++) {
    const start = performance.now();
    for (let run = 0; run < runs; run++) await program.enqueue({});
    await program.finished();
    best = Math.min(best, (performance.now() - start) / runs);
  }
  return best;
}
