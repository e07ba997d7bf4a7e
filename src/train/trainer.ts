// Trains in steps of one or more phases over shared state, with exact checkpoints, evaluation and recovery from device loss.

import { DeviceLostError, type Device } from '../backends/device.ts';
import type { Scalar } from '../core/tensor.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { WeightAverage } from '../optim/weight-average.ts';
import { mergeProfiles, type Profile } from '../runtime/profile.ts';
import { BatchQueue, type Batch, type BatchSource } from './batches.ts';
import { checkName, decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint.ts';
import { checkEvaluate, isBetter, type Best, type EvaluationResult } from './evaluation.ts';
import { CollapsedError, DivergedError } from './failures.ts';
import type { PhasedTrainerOptions, RunOptions, TrainerOptions } from './options.ts';
import { Phase, type PhaseOptions, type PhaseResult } from './phase.ts';
import type { SingleStepResult, StepResult } from './result.ts';
import { RunState } from './run-state.ts';
import type { Settings } from './settings.ts';

type Named<T> = Readonly<Record<string, T>>;

/** Consecutive device losses without a completed step before the trainer gives up. */
const MAX_LOSSES = 3;

/** The name of the phase in a single-phase run without `phases`; checkpoints are compatible with a phase of this name. */
const ONLY = 'step';

/** A training run. `step()` runs one step; `checkpoint()` has everything the next step depends on. */
export class Trainer<Result extends StepResult = SingleStepResult> {
  /** Stored in the run's checkpoints, for the code that resumes it. */
  settings: Settings;
  readonly #options: RunOptions;
  readonly #phases: readonly Phase[];
  readonly #single: boolean;
  readonly #state: RunState;
  readonly #queue = new BatchQueue();
  #device: Device;
  #isLoaded = false;
  /** False until every phase has run on this device; until then values may still be moving there. */
  #isSettled = false;
  #snapshot!: Checkpoint;
  /** The scalars of each step since the snapshot, to repeat them after a device loss. */
  #repeatable: ReadonlyMap<Scalar, number>[] = [];
  #stepsDone = 0;
  #best: Best | null = null;
  #sinceBest = 0;

  private constructor(options: TrainerOptions | PhasedTrainerOptions, device: Device) {
    const { state, data, accumulate = 1, evaluate, seed = 0, settings = {} } = options;
    if (!(Number.isInteger(accumulate) && accumulate >= 1)) {
      throw new Error(`Trainer: accumulate must be an integer of at least 1, but is ${accumulate}.`);
    }
    if (evaluate) checkEvaluate(evaluate);
    this.#single = !('phases' in options);
    const phases: Named<PhaseOptions> = 'phases' in options ? options.phases : { [ONLY]: options };
    for (const name of Object.keys(state)) checkName('an entry of the state', name);
    for (const name of Object.keys(phases)) checkName('a phase', name);
    if (Object.keys(phases).length === 0) throw new Error('Trainer: a run needs at least one phase.');
    this.#options = options;
    this.settings = settings;
    this.#phases = Object.entries(phases).map(([name, phase]) => new Phase(name, phase, data, accumulate));
    this.#state = new RunState(state, this.#phases, seed);
    this.#device = device;
  }

  /** Opens the device and compiles every phase. @throws an Error if a phase changes a parameter that is not in the state. */
  static async create(options: TrainerOptions): Promise<Trainer<SingleStepResult>>;
  static async create(options: PhasedTrainerOptions): Promise<Trainer<StepResult>>;
  static async create(options: TrainerOptions | PhasedTrainerOptions): Promise<Trainer<never>> {
    const trainer = new Trainer<never>(options, await options.openDevice());
    try {
      await trainer.#ready();
      trainer.#snapshot = await trainer.#capture();
    } catch (error) {
      trainer.dispose();
      throw error;
    }
    return trainer;
  }

  /** The current device; replaced after a device loss. */
  get device(): Device {
    return this.#device;
  }

  /** The number of steps done. */
  get stepsDone(): number {
    return this.#stepsDone;
  }

  /** The optimizer of each phase. */
  get optimizers(): Named<Optimizer> {
    return Object.fromEntries(this.#phases.map(({ name, optimizer }) => [name, optimizer]));
  }

  /** The optimizer of a single-phase run. Set its `learningRate.value` at any time. */
  get optimizer(): Optimizer {
    return this.#phase().optimizer;
  }

  /** The best weights so far; null before the first evaluation. */
  get best(): Best | null {
    return this.#best;
  }

  /** Early stopping: true after `evaluate.patience` evaluations without a new best. */
  get stopped(): boolean {
    return this.#sinceBest >= (this.#options.evaluate?.patience ?? Infinity);
  }

  /**
   * Runs one step. After a device loss it opens a new device, restores the last snapshot and repeats the steps since, so that
   * losses equal those of an uninterrupted run. Steps must not overlap.
   * @throws a DivergedError if a loss is not finite, a CollapsedError for a watch's reason.
   */
  async step(): Promise<Result> {
    const result = await this.#survive(() => this.#stepOnce());
    const { evaluate, watch = [] } = this.#options;
    const evaluation = evaluate && result.step % evaluate.every === 0 ? await this.evaluate() : undefined;
    if (evaluation?.isBest === false) this.#sinceBest++;
    const all = evaluation ? { ...result, evaluation } : result;
    for (const look of watch) {
      const reason = look(all);
      if (reason) throw new CollapsedError(reason, result.step, this.#best?.step);
    }
    return (this.#single ? { ...all.phases[ONLY], ...all } : all) as Result;
  }

  /** Evaluates the current state, and keeps the weights if they are the best so far. */
  async evaluate(): Promise<EvaluationResult> {
    const { evaluate } = this.#options;
    if (!evaluate) throw new Error('Trainer: evaluate() needs the option `evaluate`.');
    return this.#survive(async () => {
      const step = this.#stepsDone;
      const metrics = await evaluate.measure(this.#device);
      const isBest = isBetter(evaluate, metrics, this.#best);
      if (isBest) {
        this.#best = { step, metrics, state: await this.#state.readEntries() };
        this.#sinceBest = 0;
      }
      return { step, metrics, isBest };
    });
  }

  /** Restores the best values of every state entry, but not the optimizers: for the end of a run. */
  useBest(): void {
    if (!this.#best)
      throw new Error('Trainer: there are no best weights yet: call evaluate() first, with the option evaluate.best.');
    this.#state.writeEntries(this.#best.state);
  }

  /** Replaces the optimizer, with fresh state. `phase` may be omitted in a single-phase run. */
  async setOptimizer(optimizer: Optimizer, phase?: string): Promise<void> {
    const changed = this.#phase(phase);
    await this.#change(() => (changed.optimizer = optimizer));
  }

  /** Replaces the batches, for example with larger ones; of `phase`, or by default those that phases share. */
  async setData(data: BatchSource, phase?: string): Promise<void> {
    const sharing = this.#single ? this.#phases : this.#phases.filter(({ sharesData }) => sharesData);
    const changed = phase === undefined ? sharing : [this.#phase(phase)];
    await this.#change(() => changed.forEach((one) => (one.data = data)));
  }

  /** Profiles a step. State is restored afterwards; the run is unaffected. */
  async profile(options: { readonly runs?: number } = {}): Promise<Profile> {
    return this.#survive(async () => {
      const [before, snapshot, repeatable] = [await this.#capture(), this.#snapshot, this.#repeatable];
      try {
        const profiles: Profile[] = [];
        await this.#ready();
        for (const phase of this.#phases) {
          const batch = await this.#queue.take(phase.data, phase.batchesOf(this.#stepsDone)[0]);
          profiles.push(
            ...(await phase.profile(batch, { ...options, ...(this.#isAlone ? {} : { name: phase.name }) })),
          );
        }
        return profiles.length === 1 ? profiles[0] : mergeProfiles(profiles);
      } finally {
        this.#restore(before);
        [this.#snapshot, this.#repeatable] = [snapshot, repeatable];
      }
    });
  }

  /** Everything the rest of the run depends on, as a safetensors file. */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    return encodeCheckpoint(await this.#survive(() => this.#capture()));
  }

  /**
   * Resumes exactly from a checkpoint.
   * @throws an Error that lists mismatches in the model, phases or optimizers; nothing is changed then.
   */
  restore(bytes: Uint8Array): void {
    const checkpoint = decodeCheckpoint(bytes);
    this.#state.expectFit(checkpoint);
    this.#restore(checkpoint);
    [this.#best, this.#sinceBest] = [checkpoint.best, checkpoint.sinceBest];
  }

  /** Frees the programs, but not the models. */
  dispose(): void {
    for (const phase of this.#phases) phase.dispose();
    this.#queue.clear();
    this.#isLoaded = this.#isSettled = false;
  }

  async #stepOnce(): Promise<StepResult> {
    await this.#ready();
    // Only the next finite loss shows that the weights are good, so a snapshot is kept after one more step.
    const isDue = this.#repeatable.length >= (this.#options.snapshotEvery ?? 100);
    const candidate = isDue ? await this.#capture() : null;
    const before = this.#stepsDone;
    const phases = this.#phases.filter((phase) => phase.isDue(before + 1));
    const batches = await Promise.all(phases.map((phase) => this.#take(phase, before)));
    for (const phase of phases) phase.schedule(before);
    const scalars = this.#scalars();
    const runs: Promise<PhaseResult>[] = [];
    for (const [i, phase] of phases.entries()) {
      const run = phase.run(batches[i], !this.#isSettled);
      runs.push(run);
      if (!this.#isSettled) await run;
    }
    // Prepare the next batches while the GPU is working.
    for (const phase of this.#phases) {
      this.#queue.dropBefore(phase.data, phase.batchesOf(before + 1)[0]);
      if (phase.isDue(before + 2)) void this.#take(phase, before + 1).catch(() => {});
    }
    const results = await Promise.all(runs);
    phases.forEach((phase, i) => this.#expectFinite(phase, results[i]));
    this.#isSettled = true;
    if (candidate) this.#keep(candidate);
    this.#repeatable.push(scalars);
    this.#stepsDone++;
    return { step: this.#stepsDone, phases: Object.fromEntries(phases.map(({ name }, i) => [name, results[i]])) };
  }

  #take(phase: Phase, stepsDone: number): Promise<Batch[]> {
    return Promise.all(phase.batchesOf(stepsDone).map((index) => this.#queue.take(phase.data, index)));
  }

  #expectFinite({ name }: Phase, { loss, gradientNorm = 0 }: PhaseResult): void {
    if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
    const step = this.#stepsDone + 1;
    this.#restore(this.#snapshot);
    const found = Number.isFinite(loss) ? ({ gradientNorm } as const) : ({ loss } as const);
    throw new DivergedError({
      phase: this.#isAlone ? null : name,
      step,
      ...found,
      restoredStep: this.#stepsDone,
      bestStep: this.#best?.step,
    });
  }

  async #ready(): Promise<void> {
    if (this.#isLoaded) return;
    const { onProgress, timeSliceMilliseconds, state } = this.#options;
    const averages = Object.entries(state).filter((entry): entry is [string, WeightAverage] => {
      return entry[1] instanceof WeightAverage;
    });
    const leaders = averages.map(([name, average]) => {
      const leader = this.#phases.findLast(({ optimizer }) => average.follows(optimizer.parameters));
      if (!leader) throw new Error(`Trainer: no phase trains the parameters averaged by the state entry ${name}.`);
      return leader;
    });
    for (const phase of this.#phases) {
      const followers = averages.filter((_, i) => leaders[i] === phase).map(([, average]) => average);
      await phase.load(this.#device, followers, {
        training: true,
        random: this.#state.random,
        onProgress,
        timeSliceMilliseconds,
      });
    }
    this.#expectAllSaved();
    // Constant parameters outside of the state, such as a frozen network's weights, must also survive a device loss.
    for (const parameter of this.#phases.flatMap((phase) => phase.constants)) {
      if (this.#state.holds(parameter)) continue;
      parameter.keepOnHost = true;
      await parameter.toHost();
    }
    this.#isLoaded = true;
  }

  /** Parameters that change but are not in the state would be lost with the device and differ after resuming. */
  #expectAllSaved(): void {
    for (const { name, updates } of this.#phases) {
      const stray = updates.find(({ parameter }) => !this.#state.expectChanges(parameter));
      if (!stray) continue;
      throw new Error(
        `Trainer: ${this.#isAlone ? 'the task' : `phase ${name}`} changes the parameter ${stray.parameter.name}, which is ` +
          'not in any checkpoint: add its owner to `state`.',
      );
    }
  }

  /** Whether messages can omit the phase. */
  get #isAlone(): boolean {
    return this.#phases.length === 1;
  }

  #phase(name?: string): Phase {
    const names = this.#phases.map((phase) => phase.name).join(', ');
    if (name === undefined && this.#phases.length > 1) throw new Error(`Trainer: name one of the phases: ${names}.`);
    const found = name === undefined ? this.#phases[0] : this.#phases.find((phase) => phase.name === name);
    if (!found) throw new Error(`Trainer: there is no phase ${name}; the phases are ${names}.`);
    return found;
  }

  #scalars(): ReadonlyMap<Scalar, number> {
    const scalars = this.#phases.flatMap((phase) => [...phase.scalars, ...phase.optimizer.hyperparameters().values()]);
    return new Map(scalars.map((scalar) => [scalar, scalar.value]));
  }

  #setScalars(values: ReadonlyMap<Scalar, number>): void {
    for (const [scalar, value] of values) scalar.value = value;
  }

  async #change(apply: () => void): Promise<void> {
    // Values are copied to the host first, so that a device loss cannot lose them.
    this.#restore(await this.#survive(() => this.#capture()));
    apply();
    this.#keep(await this.#capture());
    this.dispose();
    await this.#survive(() => this.#ready());
    // The new program may change more than the old one did.
    this.#keep(await this.#survive(() => this.#capture()));
  }

  /** Runs `work`. After a device loss, brings a new device to the same state and runs it there. */
  async #survive<T>(work: () => Promise<T>): Promise<T> {
    const steps = this.#repeatable;
    const scalars = this.#scalars();
    let lost: DeviceLostError | null = null;
    for (let losses = 0; ; losses++) {
      try {
        if (lost) await this.#rebuild(lost, steps, scalars);
        return await work();
      } catch (error) {
        if (!(error instanceof DeviceLostError) || losses === MAX_LOSSES) throw error;
        lost = error;
      }
    }
  }

  /** Opens a new device and repeats the steps since the snapshot, each with its scalars. */
  async #rebuild(
    lost: DeviceLostError,
    steps: readonly ReadonlyMap<Scalar, number>[],
    scalars: ReadonlyMap<Scalar, number>,
  ): Promise<void> {
    // The error may come from an earlier device, so do not wait for this one's reason.
    const reason = await Promise.race([this.#device.lost, lost.message]);
    for (const phase of this.#phases) phase.forget();
    this.#isLoaded = this.#isSettled = false;
    this.#device = await this.#options.openDevice();
    this.#restore(this.#snapshot);
    for (const earlier of steps) {
      this.#setScalars(earlier);
      await this.#stepOnce();
    }
    this.#setScalars(scalars);
    this.#options.onRecovered?.(reason);
  }

  async #capture(): Promise<Checkpoint> {
    const saved = await this.#state.read();
    return {
      step: this.#stepsDone,
      ...saved,
      best: this.#best,
      sinceBest: this.#sinceBest,
      settings: this.settings,
    };
  }

  #keep(snapshot: Checkpoint): void {
    this.#snapshot = snapshot;
    this.#repeatable = [];
  }

  /** Restores all state except the best weights, which stay valid. */
  #restore(checkpoint: Checkpoint): void {
    this.#state.write(checkpoint);
    for (const phase of this.#phases) phase.reset();
    this.#stepsDone = checkpoint.step;
    this.#keep(checkpoint);
  }
}
