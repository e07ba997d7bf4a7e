// A phase of a run: a loss, its optimizer, and the compiled programs.

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

/** Computes outputs from a batch. `loss` is minimised; all outputs are returned from each step. */
export type Task = (batch: Named<Tensor>) => Named<Tensor> & { readonly loss: Tensor };

/** Options of a phase. */
export interface PhaseOptions {
  readonly task: Task;
  /** Trains exactly the parameters it was made with. */
  readonly optimizer: Optimizer;
  /** The phase's own batches; by default the run's. */
  readonly data?: BatchSource;
  /** The learning rate of each step. Without a schedule, set `optimizer.learningRate.value` at any time. */
  readonly schedule?: Schedule;
  /** Runs in steps `every`, 2 · `every` … (default 1, every step). */
  readonly every?: number;
  /** Maximum norm of all gradients as one vector; larger ones are scaled down (`clipGradNorm`). */
  readonly maxGradNorm?: number;
}

/** The result of a phase in one step. */
export interface PhaseResult {
  /** Mean over the batch, before the update. */
  readonly loss: number;
  /** All outputs of the task. */
  readonly outputs: Named<TensorData>;
  /** The batch of the step. */
  readonly batch: Batch;
  readonly learningRate: number;
  /** Norm of all gradients as one vector before clipping; only with `maxGradNorm`. */
  readonly gradientNorm?: number;
}

type AnyProgram = Program<Named<TensorSpec>, Named<Tensor>>;

/** The name of the gradient norm among a program's outputs. */
const NORM = 'norm of all gradients';

/** A phase with its programs on a device. */
export class Phase {
  readonly name: string;
  readonly every: number;
  optimizer: Optimizer;
  data: BatchSource;
  readonly #options: PhaseOptions;
  /** Micro-batches per step. */
  readonly #accumulate: number;
  /** Accumulated gradients of a step's micro-batches; zero between steps. */
  #sums: readonly Buffer[] = [];
  #program: AnyProgram | null = null;
  /** The optimizer's update, if it is a separate program. */
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

  /** Whether it uses the run's batches. */
  get sharesData(): boolean {
    return !this.#options.data;
  }

  /** Whether this phase runs in `step`, counted from 1. */
  isDue(step: number): boolean {
    return step % this.every === 0;
  }

  /** Compiles the programs unless already compiled. `averages` are updated after this phase's optimizer. */
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
        throw new Error(`Trainer: the loss of phase ${this.name} is ${loss.dtype}, but must be f32: cast it.`);
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

  /** The phase's parameter updates, except its own accumulated gradients. */
  get updates(): readonly Update[] {
    return this.#programs
      .flatMap(({ plan }) => plan.updates)
      .filter(({ parameter }) => !this.#sums.some((sum) => sum === parameter));
  }

  /** The parameters that the phase reads but does not change. */
  get constants(): readonly Parameter[] {
    const changed = new Set(this.#programs.flatMap(({ plan }) => plan.updates.map(({ parameter }) => parameter)));
    return this.#programs.flatMap(({ plan }) => plan.parameters).filter((parameter) => !changed.has(parameter));
  }

  /** The scalars that the phase reads. */
  get scalars(): readonly Scalar[] {
    return this.#programs.flatMap(({ plan }) => plan.scalars);
  }

  /** Sets the learning rate of the step after `stepsDone`, if the phase has a schedule. */
  schedule(stepsDone: number): void {
    const { schedule } = this.#options;
    if (schedule) this.optimizer.learningRate.value = schedule(stepsDone);
  }

  /** The indices of the batches for the step after `stepsDone`. */
  batchesOf(stepsDone: number): number[] {
    return Array.from({ length: this.#accumulate }, (_, i) => stepsDone * this.#accumulate + i);
  }

  /** Runs the phase's part of a step. All work is submitted before the first await, unless `inTurn`. */
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

  /** Profiles the phase. Parameters change as in a step. */
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

  /** Clears the gradients of an unfinished step. */
  reset(): void {
    for (const sum of this.#sums) sum.write({ ...sum, data: allocate(sum.dtype, sum.size) });
  }

  /** Frees the programs' memory. */
  dispose(): void {
    // Nothing reads the accumulated gradients after this.
    for (const sum of this.#sums) sum.discard();
    for (const program of this.#programs) program.dispose();
    this.forget();
  }

  /** Drops the programs of a lost device. */
  forget(): void {
    this.#program = this.#update = null;
    this.#sums = [];
  }

  get #programs(): AnyProgram[] {
    return [this.#program, this.#update].filter((program) => program !== null);
  }
}
