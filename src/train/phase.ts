// One phase of a run: a loss, the optimizer that lowers it, and the programs that do both on the device.

import { grad } from '../autograd/grad.ts';
import type { Device } from '../backends/device.ts';
import { allocate, type TensorData } from '../core/dtype.ts';
import { Buffer, type Parameter } from '../core/parameter.ts';
import { fill, type Scalar, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { assign, type Update } from '../core/trace.ts';
import { add, mul } from '../ops/elementwise/binary.ts';
import { clipGradNorm } from '../optim/clip.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { Schedule } from '../optim/schedules.ts';
import type { WeightAverage } from '../optim/weight-average.ts';
import { compile, type CompileOptions } from '../runtime/compile.ts';
import { profile, type Profile, type ProfileOptions } from '../runtime/profile.ts';
import type { Program } from '../runtime/program.ts';
import { joinBatches, joinOutputs, NO_BATCHES, type Batch, type BatchSource } from './batches.ts';

type Named<T> = Readonly<Record<string, T>>;

/** What is computed from a batch: `loss` is minimised, and all outputs come back from each step. */
export type Task = (batch: Named<Tensor>) => Named<Tensor> & { readonly loss: Tensor };

/** A phase of a run, as its owner describes it. */
export interface PhaseOptions {
  readonly task: Task;
  /** Changes the parameters that it was made with, and no others. */
  readonly optimizer: Optimizer;
  /** The phase's own batches, where it does not take the run's. */
  readonly data?: BatchSource;
  /** The learning rate of each step; without it, set `optimizer.learningRate.value` at any time. */
  readonly schedule?: Schedule;
  /** The phase's turn comes in every step, by default, or in step `every`, 2 · `every` … */
  readonly every?: number;
  /** The largest length of all gradients as one vector: longer ones are scaled down (`clipGradNorm`). */
  readonly maxGradNorm?: number;
}

/** What a phase gave in one step. */
export interface PhaseResult {
  /** Mean over the batch, before the step. */
  readonly loss: number;
  /** All outputs of the task. */
  readonly outputs: Named<TensorData>;
  /** What they were computed from. */
  readonly batch: Batch;
  readonly learningRate: number;
  /** The length of all gradients as one vector, before it was held within `maxGradNorm`; absent without that. */
  readonly gradientNorm?: number;
}

type AnyProgram = Program<Named<TensorSpec>, Named<Tensor>>;

/** Under what name the gradients' length is among a program's outputs. */
const NORM = 'norm of all gradients';

/** A phase, compiled for a device. */
export class Phase {
  readonly name: string;
  readonly every: number;
  optimizer: Optimizer;
  data: BatchSource;
  readonly #options: PhaseOptions;
  /** Micro-batches whose mean gradient is that of a step. */
  readonly #accumulate: number;
  /** Sums of the gradients of a step's micro-batches: zero between steps. */
  #sums: readonly Buffer[] = [];
  #program: AnyProgram | null = null;
  /** The optimizer's part, where it is a program of its own. */
  #update: AnyProgram | null = null;

  /** @throws an Error for an `every` that is not an integer of at least 1. */
  constructor(name: string, options: PhaseOptions, data: BatchSource = NO_BATCHES, accumulate = 1) {
    this.name = name;
    this.every = options.every ?? 1;
    if (!(Number.isInteger(this.every) && this.every >= 1)) {
      throw new Error(`Trainer: \`every\` of phase ${name} must be an integer of at least 1, but is ${this.every}.`);
    }
    this.optimizer = options.optimizer;
    this.data = options.data ?? data;
    this.#options = options;
    this.#accumulate = accumulate;
  }

  /** Whether it takes the run's batches. */
  get sharesData(): boolean {
    return !this.#options.data;
  }

  /** Whether this phase has its turn in `step`, counted from 1. */
  isDue(step: number): boolean {
    return step % this.every === 0;
  }

  /** Compiles what is not compiled yet. `averages` follow this phase's optimizer. */
  async load(device: Device, averages: readonly WeightAverage[], options: CompileOptions): Promise<void> {
    if (this.#program) return;
    const { task } = this.#options;
    const { parameters } = this.optimizer;
    const apply = (gradients: readonly Tensor[]): Named<Tensor> => {
      const { maxGradNorm } = this.#options;
      const clipped = maxGradNorm === undefined ? null : clipGradNorm(gradients, maxGradNorm);
      this.optimizer.step(clipped?.gradients ?? gradients);
      for (const average of averages) average.update();
      return clipped ? { [NORM]: clipped.norm } : {};
    };
    const gradientsOf = (loss: Tensor): Tensor[] => {
      if (loss.dtype !== 'f32') {
        throw new Error(`Trainer: the loss of phase ${this.name} is ${loss.dtype} and must be f32: cast it.`);
      }
      return grad(loss, parameters);
    };
    if (this.#accumulate === 1) {
      const whole = (batch: Named<Tensor>): Named<Tensor> => {
        const outputs = task(batch);
        return { ...outputs, ...apply(gradientsOf(outputs.loss)) };
      };
      this.#program = await compile(device, whole, this.data.specs, options);
      return;
    }
    this.#sums = parameters.map((parameter, i) => Buffer.zeros(parameter, { name: `gradient.${i}` }));
    const part = (batch: Named<Tensor>): Named<Tensor> => {
      const outputs = task(batch);
      gradientsOf(outputs.loss).forEach((gradient, i) => {
        assign(this.#sums[i], add(this.#sums[i], mul(gradient, 1 / this.#accumulate)));
      });
      return outputs;
    };
    const update = () => {
      const results = apply(this.#sums);
      for (const sum of this.#sums) assign(sum, fill(sum.shape, 0, sum.dtype));
      return results;
    };
    this.#program = await compile(device, part, this.data.specs, options);
    this.#update = await compile(device, update, {}, options);
  }

  /** Every change that the phase makes to a parameter which others can see. */
  get updates(): readonly Update[] {
    return this.#programs
      .flatMap(({ plan }) => plan.updates)
      .filter(({ parameter }) => !this.#sums.some((sum) => sum === parameter));
  }

  /** Every parameter that the phase computes with and does not change. */
  get constants(): readonly Parameter[] {
    const changed = new Set(this.#programs.flatMap(({ plan }) => plan.updates.map(({ parameter }) => parameter)));
    return this.#programs.flatMap(({ plan }) => plan.parameters).filter((parameter) => !changed.has(parameter));
  }

  /** Every scalar that the phase computes with. */
  get scalars(): readonly Scalar[] {
    return this.#programs.flatMap(({ plan }) => plan.scalars);
  }

  /** Sets the learning rate of the step after `stepsDone`, where the phase has a schedule. */
  schedule(stepsDone: number): void {
    const { schedule } = this.#options;
    if (schedule) this.optimizer.learningRate.value = schedule(stepsDone);
  }

  /** The batches that the phase takes in the step after `stepsDone`, by their numbers. */
  batchesOf(stepsDone: number): number[] {
    return Array.from({ length: this.#accumulate }, (_, i) => stepsDone * this.#accumulate + i);
  }

  /** Does the phase's part of a step. All work is given to the device before this returns, unless `inTurn`. */
  async run(batches: readonly Batch[], inTurn: boolean): Promise<PhaseResult> {
    const { value: learningRate } = this.optimizer.learningRate;
    const work: (readonly [AnyProgram, Batch])[] = batches.map((batch) => [this.#program!, batch]);
    if (this.#update) work.push([this.#update, {}]);
    const runs: Promise<Named<TensorData>>[] = [];
    for (const [program, inputs] of work) {
      const run = program.run(inputs);
      runs.push(run);
      if (inTurn) await run;
    }
    const results = await Promise.all(runs);
    const last = results.at(-1)!;
    const norm = last[NORM]?.data[0];
    const { [NORM]: _, ...outputs } = joinOutputs(this.#update ? results.slice(0, -1) : results);
    return {
      loss: outputs.loss.data[0],
      outputs,
      batch: joinBatches(batches),
      learningRate,
      ...(norm === undefined ? {} : { gradientNorm: norm }),
    };
  }

  /** Where the time of the phase goes. Parameters change as in a step. */
  async profile(batch: Batch, options: ProfileOptions): Promise<Profile[]> {
    if (!this.#update) return [await profile(this.#program!, batch, options)];
    const parts: readonly (readonly [AnyProgram, Batch, string])[] = [
      [this.#program!, batch, `${this.name}, each micro-batch`],
      [this.#update, {}, `${this.name}, update`],
    ];
    const profiles: Profile[] = [];
    for (const [program, inputs, name] of parts) profiles.push(await profile(program, inputs, { ...options, name }));
    return profiles;
  }

  /** Forgets the gradients of a step that was not finished. */
  reset(): void {
    for (const sum of this.#sums) sum.write({ ...sum, data: allocate(sum.dtype, sum.size) });
  }

  /** Frees the programs' memory. */
  dispose(): void {
    // Their buffers go with the programs, as nobody will read them.
    for (const sum of this.#sums) sum.discard();
    for (const program of this.#programs) program.dispose();
    this.forget();
  }

  /** Lets go of programs whose device is gone. */
  forget(): void {
    this.#program = this.#update = null;
    this.#sums = [];
  }

  get #programs(): AnyProgram[] {
    return [this.#program, this.#update].filter((program) => program !== null);
  }
}
