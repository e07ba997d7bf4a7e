// Trains a model step by step: one compiled program, exact checkpoints, recovery from a lost device.

import { grad } from '../autograd/grad.ts';
import { DeviceLostError, type Device, type Progress } from '../backends/device.ts';
import type { TensorData, TypedArray } from '../core/dtype.ts';
import type { Parameter } from '../core/parameter.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';
import { RandomState } from '../core/trace.ts';
import type { Module } from '../nn/module.ts';
import { clipGradNorm } from '../optim/clip.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { WeightAverage } from '../optim/weight-average.ts';
import { compile } from '../runtime/compile.ts';
import { profile, type Profile } from '../runtime/profile.ts';
import type { Program } from '../runtime/program.ts';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint, type Settings } from './checkpoint.ts';

type Named<T> = Readonly<Record<string, T>>;

/** Where batches come from: a pure function of the step, so that a resumed run sees the same ones. */
export interface BatchSource {
  /** What one batch holds. */
  readonly specs: Named<TensorSpec>;
  /** The batch of step 0, 1, 2, … */
  batch(step: number): Named<TypedArray>;
}

export interface TrainerOptions {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly data: BatchSource;
  /** What is computed from a batch: `loss` is minimised, and all outputs come back from each step. */
  readonly task: (batch: Named<Tensor>) => Named<Tensor> & { readonly loss: Tensor };
  /** The largest length of all gradients as one vector: longer ones are scaled down (`clipGradNorm`). */
  readonly maxGradNorm?: number;
  /** A running mean of the weights to keep up in each step, and in checkpoints. */
  readonly average?: WeightAverage;
  /** Opens the device to train on; called again when the device is lost. */
  readonly openDevice: () => Promise<Device>;
  /** Seed of random ops such as dropout. */
  readonly seed?: number;
  /** Steps between copies of the state to the host: at most so many are repeated after a lost device. */
  readonly snapshotEvery?: number;
  /** What the run was started with: kept in its checkpoints for whoever resumes. */
  readonly settings?: Settings;
  /** Called as GPU pipelines become ready. */
  readonly onProgress?: Progress;
  /** Trains in slices of about so many milliseconds, between which a page can use the GPU: see `LoadOptions`. */
  readonly sliceMilliseconds?: number;
  /** Called when a lost device has been replaced, with the reason of the loss. */
  readonly onRecovered?: (reason: string) => void;
}

/** What one step gave. */
export interface StepResult {
  /** How many steps are done, this one included. */
  readonly step: number;
  readonly loss: number;
  /** All outputs of the task. */
  readonly outputs: Named<TensorData>;
}

/** The loss stopped being a number. The model holds the last good weights again. */
export class DivergedError extends Error {
  /** The step whose loss was not finite, counted from 1. */
  readonly step: number;
  /** The step whose weights the model now holds. */
  readonly restoredStep: number;

  constructor(step: number, loss: number, restoredStep: number) {
    super(
      `Training diverged: the loss of step ${step} is ${loss}. The weights of step ${restoredStep} were restored; ` +
        'continue with a lower learning rate.',
    );
    this.name = 'DivergedError';
    this.step = step;
    this.restoredStep = restoredStep;
  }
}

/** Devices lost in a row, without a step between them, after which another one will not help. */
const MAX_LOSSES = 3;

/** A training run. `step()` does one step; everything that the next step depends on is in `checkpoint()`. */
export class Trainer {
  readonly #options: TrainerOptions;
  #optimizer: Optimizer;
  #data: BatchSource;
  #random: RandomState;
  #device: Device;
  #program: Program<Named<TensorSpec>, Named<Tensor>> | null = null;
  #snapshot!: Checkpoint;
  /** The learning rate of each step since the snapshot, in case they must be repeated. */
  #rates: number[] = [];
  #stepsDone = 0;

  private constructor(options: TrainerOptions, device: Device) {
    this.#options = options;
    this.#optimizer = options.optimizer;
    this.#data = options.data;
    this.#random = new RandomState(options.seed ?? 0);
    this.#device = device;
  }

  /** Opens the device and compiles the training step. */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const trainer = new Trainer(options, await options.openDevice());
    trainer.#snapshot = await trainer.#capture();
    await trainer.#ready();
    return trainer;
  }

  /** The device in use; another one after a loss. */
  get device(): Device {
    return this.#device;
  }

  /** Steps done so far. */
  get stepsDone(): number {
    return this.#stepsDone;
  }

  /** Set its `learningRate.value` at any time. */
  get optimizer(): Optimizer {
    return this.#optimizer;
  }

  /**
   * Does one step. When the device is lost, opens another one, restores the last snapshot, repeats the steps since and
   * then this one: nothing is lost, and the losses are those of an undisturbed run.
   * Throws DivergedError when the loss is not finite.
   */
  async step(): Promise<StepResult> {
    return this.#survive(() => this.#stepOnce());
  }

  /** Goes on with another optimizer, whose state starts at zero. */
  async setOptimizer(optimizer: Optimizer): Promise<void> {
    await this.#change(() => (this.#optimizer = optimizer));
  }

  /** Goes on with other batches, for example larger ones. */
  async setData(data: BatchSource): Promise<void> {
    await this.#change(() => (this.#data = data));
  }

  /** Where the time of a step goes. The steps that this takes are undone: the run goes on as if they had not been. */
  async profile(options?: { readonly runs?: number }): Promise<Profile> {
    return this.#survive(async () => {
      const [before, snapshot, rates] = [await this.#capture(), this.#snapshot, this.#rates];
      try {
        return await profile(await this.#ready(), this.#data.batch(this.#stepsDone), options);
      } finally {
        this.#restore(before);
        [this.#snapshot, this.#rates] = [snapshot, rates];
      }
    });
  }

  /** Everything that the rest of the run depends on, as the bytes of a safetensors file. */
  async checkpoint(): Promise<Uint8Array> {
    return encodeCheckpoint(await this.#survive(() => this.#capture()));
  }

  /** Continues from `bytes` of a checkpoint as if the run had never stopped. */
  restore(bytes: Uint8Array): void {
    this.#restore(decodeCheckpoint(bytes));
  }

  /** Frees the program's memory; the model stays usable. */
  dispose(): void {
    this.#program?.dispose();
    this.#program = null;
  }

  async #stepOnce(): Promise<StepResult> {
    const program = await this.#ready();
    // Only a finite loss shows that the weights before it were good, so a snapshot counts after one more step.
    const due = this.#rates.length >= (this.#options.snapshotEvery ?? 100);
    const candidate = due ? await this.#capture() : null;
    const { value: rate } = this.#optimizer.learningRate;
    const outputs = await program.run(this.#data.batch(this.#stepsDone));
    const loss = outputs.loss.data[0];
    if (!Number.isFinite(loss)) {
      const failed = this.#stepsDone + 1;
      this.#restore(this.#snapshot);
      throw new DivergedError(failed, loss, this.#stepsDone);
    }
    if (candidate) this.#keep(candidate);
    this.#rates.push(rate);
    this.#stepsDone++;
    return { step: this.#stepsDone, loss, outputs };
  }

  async #ready(): Promise<Program<Named<TensorSpec>, Named<Tensor>>> {
    const { task, onProgress, sliceMilliseconds, maxGradNorm, average } = this.#options;
    this.#program ??= await compile(
      this.#device,
      (batch) => {
        const outputs = task(batch);
        const gradients = grad(outputs.loss, this.#optimizer.parameters);
        this.#optimizer.step(maxGradNorm ? clipGradNorm(gradients, maxGradNorm).gradients : gradients);
        average?.update();
        return outputs as Named<Tensor>;
      },
      this.#data.specs,
      { training: true, random: this.#random, onProgress, sliceMilliseconds },
    );
    return this.#program;
  }

  async #change(apply: () => void): Promise<void> {
    // To the host first: what only a device holds is lost with it.
    this.#restore(await this.#survive(() => this.#capture()));
    apply();
    this.#keep(await this.#capture());
    this.dispose();
    await this.#survive(() => this.#ready());
  }

  /** Does `work`; when the device is lost meanwhile, brings another one to the same state and does it there. */
  async #survive<T>(work: () => Promise<T>): Promise<T> {
    const rates = this.#rates;
    const { value: rate } = this.#optimizer.learningRate;
    let lost: DeviceLostError | null = null;
    for (let losses = 0; ; losses++) {
      try {
        if (lost) await this.#rebuild(lost, rates, rate);
        return await work();
      } catch (error) {
        if (!(error instanceof DeviceLostError) || losses === MAX_LOSSES) throw error;
        lost = error;
      }
    }
  }

  /** Opens another device and repeats there what was done since the snapshot: a step for each of `rates`. */
  async #rebuild(lost: DeviceLostError, rates: readonly number[], rate: number): Promise<void> {
    // The error may be that of a device before, so this one's reason is not worth waiting for.
    const reason = await Promise.race([this.#device.lost, lost.message]);
    this.#program = null;
    this.#device = await this.#options.openDevice();
    this.#restore(this.#snapshot);
    const { learningRate } = this.#optimizer;
    for (const earlier of rates) {
      learningRate.value = earlier;
      await this.#stepOnce();
    }
    learningRate.value = rate;
    this.#options.onRecovered?.(reason);
  }

  async #capture(): Promise<Checkpoint> {
    const [model, optimizer, average, seed, run] = await Promise.all([
      this.#options.model.stateDict(),
      this.#optimizer.stateDict(),
      this.#options.average?.stateDict() ?? new Map<string, TensorData>(),
      this.#random.seed.read(),
      this.#random.run.read(),
    ]);
    return {
      step: this.#stepsDone,
      learningRate: this.#optimizer.learningRate.value,
      optimizerKind: this.#optimizer.kind,
      model,
      optimizer,
      average,
      random: { seed, run },
      settings: this.#options.settings ?? {},
    };
  }

  #keep(snapshot: Checkpoint): void {
    this.#snapshot = snapshot;
    this.#rates = [];
  }

  #restore(checkpoint: Checkpoint): void {
    const { kind } = this.#optimizer;
    const state = this.#optimizer.state();
    if (checkpoint.optimizerKind !== kind || state.size !== checkpoint.optimizer.size) {
      throw new Error(
        `This checkpoint was made with ${checkpoint.optimizerKind}; resume it with that, not with ${kind}.`,
      );
    }
    const averaged = this.#options.average?.state() ?? new Map<string, Parameter>();
    if (averaged.size !== checkpoint.average.size) {
      const has = checkpoint.average.size > 0;
      throw new Error(
        `This checkpoint was made ${has ? 'with' : 'without'} a running mean of the weights; resume it ${has ? 'with' : 'without'} one.`,
      );
    }
    this.#options.model.loadStateDict(checkpoint.model);
    for (const [name, shadow] of averaged) shadow.write(checkpoint.average.get(name)!);
    for (const [name, parameter] of state) parameter.write(checkpoint.optimizer.get(name)!);
    this.#random.seed.write(checkpoint.random.seed);
    this.#random.run.write(checkpoint.random.run);
    this.#optimizer.learningRate.value = checkpoint.learningRate;
    this.#stepsDone = checkpoint.step;
    this.#keep(checkpoint);
  }
}
