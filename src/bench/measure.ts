// Times a computation on a device: with warm-up and enough runs, by the GPU's clock if available.

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

/** Options of `measure`. */
export interface MeasureOptions {
  /** Approximate seconds of measured runs. */
  readonly seconds?: number;
  readonly chooseVariant?: ChooseVariant;
  /** Called with the program and `name` after timing. */
  readonly onProgram?: OnProgram;
  readonly name?: string;
}

/** The measurement of a computation. Times are in milliseconds. */
export interface Measurement {
  /** Compilation and the first run. */
  readonly firstMilliseconds: number;
  /** Median over the runs: kernels only by the GPU's clock, else the whole run. */
  readonly milliseconds: number;
  /** Quartiles over the runs. */
  readonly quartiles: readonly [number, number];
  /** Time per run when many are queued and awaited together: kernels and host overhead. */
  readonly queuedMilliseconds: number;
  readonly clock: 'gpu' | 'host';
  readonly runs: number;
  readonly dispatches: number;
  readonly flops: number;
  readonly bytes: number;
}

/** A parameter with uniform random values around `center`: nonzero data that is already on the device. */
export function randomParameter(
  name: string,
  shape: Shape,
  scale = 1,
  center = 0,
  dtype: 'f32' | 'f16' = 'f32',
): Parameter {
  const random = new RandomSource(7, name.length + sizeOf(shape));
  // Repeats a block of random numbers: drawing each would take longer than the measurement.
  const block = Float32Array.from({ length: 65521 }, () => random.uniform(center - scale, center + scale));
  const stored = dtype === 'f16' ? Uint16Array.from(block, toFloat16) : block;
  const data = allocate(dtype, sizeOf(shape));
  for (let from = 0; from < data.length; from += stored.length) {
    data.set(stored.subarray(0, Math.min(stored.length, data.length - from)), from);
  }
  return new Parameter({ shape, dtype, data }, { name });
}

/** A `chooseVariant` that takes the variant with this name from every op that has it, else the first; undefined without a name. */
export const variantNamed = (name: string | undefined): ChooseVariant | undefined =>
  name === undefined ? undefined : (_op, offered) => offered.find((one) => one.name === name) ?? offered[0];

/** Milliseconds. Shorter runs are repeated within a pass, because browsers' timestamps have steps of 0.1 ms. */
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
 * Times `program`, which has no inputs, for about `seconds`. Returns the sorted milliseconds per run of the dispatches that
 * `counts` accepts. `warm` is the first run, which may be slower; if it exceeds `hopeless` milliseconds, it is the only one.
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
  // Repeats would apply in-place updates more than once.
  const repeats = program.plan.updates.length > 0 ? 1 : Math.min(100, Math.ceil(LONG_ENOUGH / Math.max(warm, 1e-3)));
  const times: number[] = [];
  const deadline = performance.now() + seconds * 1000;
  while (times.length < 3 || (times.length < 100 && performance.now() < deadline)) {
    times.push((await once(repeats)).milliseconds);
  }
  return { times: times.sort((a, b) => a - b), clock, warm };
}

/** Time per run among many queued runs, measured for about `milliseconds`. */
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
