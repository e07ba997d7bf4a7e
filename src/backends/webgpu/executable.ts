// A plan on a GPU: everything is created once, and a run replays the dispatches in one pass and one submission.

import type { Executable, LoadOptions, Plan, Step, Timing } from '../device.ts';
import type { TypedArray } from '../../core/dtype.ts';
import type { Turn, Turns } from '../turns.ts';
import type { Kernel } from '../../core/kernel.ts';
import type { Input, Tensor } from '../../core/tensor.ts';
import { upload, type BufferCopy } from './buffers.ts';
import { bind, passesOf, recordCopies, recordPass, type Dispatch, type Work } from './dispatch.ts';
import type { ParameterStore } from './parameter-store.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import { ProgramBuffers } from './program-buffers.ts';
import type { Readback, Source } from './readback.ts';
import { TimeSlices } from './time-slices.ts';
import { Timestamps } from './timestamps.ts';

/** What the executable uses of its device. */
export interface Context {
  readonly device: GPUDevice;
  readonly parameters: ParameterStore;
  readonly pipelines: PipelineCache;
  readonly readback: Readback;
  /** Throws if the device was lost or has reported an error. */
  check(): void;
  /** Awaits GPU work, then throws as `check` does: a lost device is reported as such, whatever error its work raised. */
  guard<T>(work: Promise<T>): Promise<T>;
  /** The end of a run in time slices, while there is one: it has the device to itself, since programs share parameters. */
  alone: Promise<void> | null;
  readonly turns: Turns;
}

/** Loads `plan`: creates its buffers and bind groups, and compiles its pipelines in parallel. */
export async function loadExecutable(
  context: Context,
  plan: Plan,
  { onProgress, timeSliceMilliseconds }: LoadOptions = {},
): Promise<Executable> {
  const buffers = new ProgramBuffers(context.device, context.parameters, plan);
  try {
    const work = plan.steps.flatMap((step, at) =>
      step.kernels.filter((kernel) => !isEmpty(step, kernel)).map((kernel) => ({ step, at, kernel })),
    );
    const pipelines = await context.pipelines.getAll(
      work.map(({ kernel }) => kernel),
      onProgress,
    );
    return new GpuExecutable(
      context,
      plan,
      buffers,
      work.map((one, i) => ({ ...one, pipeline: pipelines[i] })),
      timeSliceMilliseconds === undefined ? null : new TimeSlices(work.length, timeSliceMilliseconds),
    );
  } catch (error) {
    buffers.dispose();
    throw error;
  }
}

const isEmpty = ({ outputs }: Step, { workgroups }: Kernel): boolean =>
  workgroups.includes(0) || outputs.every((output) => output.size === 0);

interface Bound {
  /** The parameter store's `moves` at that time. */
  readonly moves: number;
  readonly dispatches: readonly Dispatch[];
  /** The dispatches by pass. */
  readonly passes: readonly (readonly Dispatch[])[];
  /** Copies for updates that are not computed in place. */
  readonly updates: readonly BufferCopy[];
}

class GpuExecutable implements Executable {
  readonly #context: Context;
  readonly #plan: Plan;
  readonly #buffers: ProgramBuffers;
  readonly #work: readonly Work[];
  /** How a run is split; null if it is one submission. */
  readonly #timeSlices: TimeSlices | null;
  /** Everything that depends on where parameters are. */
  #bound: Bound | null = null;

  constructor(
    context: Context,
    plan: Plan,
    buffers: ProgramBuffers,
    work: readonly Work[],
    timeSlices: TimeSlices | null,
  ) {
    this.#context = context;
    this.#plan = plan;
    this.#buffers = buffers;
    this.#work = work;
    this.#timeSlices = timeSlices;
    this.#bind();
  }

  async run(inputs: ReadonlyMap<Input, TypedArray>, wanted: readonly Tensor[]): Promise<TypedArray[]> {
    const { turns } = this.#context;
    let turn = null as Turn | null;
    const obstacle = (): Promise<void> | null => {
      if (this.#context.alone) return this.#context.alone;
      if (!turn && turns.areWaitedFor) return (turn = turns.take()).before;
      const refreshed = this.#refresh() ?? null;
      if (refreshed) turn ??= turns.take();
      return refreshed;
    };
    let read: () => Promise<TypedArray[]>;
    try {
      let wait = obstacle();
      // Captures inputs and scalars: the caller may change them while this run waits.
      const given = wait ? new Map(Array.from(inputs, ([input, values]) => [input, values.slice()])) : inputs;
      const scalars = this.#plan.scalars.map(({ value }) => value);
      for (; wait; wait = obstacle()) await wait;
      this.#write(given, scalars);
      if (this.#timeSlices) return this.#runInTimeSlices(this.#timeSlices, wanted);
      const encoder = this.#context.device.createCommandEncoder();
      for (const pass of this.#bind().passes) recordPass(encoder, pass);
      read = this.#recordReading(encoder, wanted);
      this.#finish(encoder);
    } finally {
      turn?.started();
    }
    return this.#context.guard(read());
  }

  async #runInTimeSlices(timeSlices: TimeSlices, wanted: readonly Tensor[]): Promise<TypedArray[]> {
    const { device, guard } = this.#context;
    let end = () => {};
    this.#context.alone = new Promise((resolve) => (end = resolve));
    try {
      const { dispatches } = this.#bind();
      const times: number[] = [];
      let read = (): Promise<TypedArray[]> => Promise.resolve([]);
      let at = 0;
      do {
        const encoder = device.createCommandEncoder();
        const part = dispatches.slice(at, (at += timeSlices.sizes[times.length] ?? 0));
        for (const pass of passesOf(part)) recordPass(encoder, pass);
        const start = performance.now();
        if (at < dispatches.length) device.queue.submit([encoder.finish()]);
        else {
          read = this.#recordReading(encoder, wanted);
          this.#finish(encoder);
        }
        await guard(device.queue.onSubmittedWorkDone().then(() => {}));
        times.push(performance.now() - start);
      } while (at < dispatches.length);
      timeSlices.adapt(times);
      return await guard(read());
    } finally {
      this.#context.alone = null;
      end();
    }
  }

  /** Records the readback of `wanted`; after the submission the returned function resolves with their values. */
  #recordReading(encoder: GPUCommandEncoder, wanted: readonly Tensor[]): () => Promise<TypedArray[]> {
    if (wanted.length === 0) return () => Promise.resolve([]);
    return this.#context.readback.record(
      encoder,
      wanted.map((tensor): Source => [tensor, this.#buffers.of(tensor)]),
    );
  }

  finished(): Promise<void> {
    return this.#context.guard(this.#context.device.queue.onSubmittedWorkDone().then(() => {}));
  }

  async time(inputs: ReadonlyMap<Input, TypedArray>, repeats: number): Promise<Timing> {
    const { device } = this.#context;
    for (let wait = this.#obstacle(); wait; wait = this.#obstacle()) await wait;
    this.#write(inputs);
    const clock = device.features.has('timestamp-query') ? 'gpu' : 'host';
    const nanoseconds = await this.#context.guard(
      clock === 'gpu' ? this.#timeOnGpu(repeats) : this.#timeOnCpu(repeats),
    );
    const dispatches = this.#work.map(({ at, kernel }, i) => ({
      step: at,
      kernel: kernel.name,
      milliseconds: nanoseconds[i] / 1e6 / repeats,
    }));
    return { clock, dispatches };
  }

  async #timeOnGpu(repeats: number): Promise<number[]> {
    const { device } = this.#context;
    const timestamps = new Timestamps(device, this.#work.length);
    const encoder = device.createCommandEncoder();
    this.#bind().dispatches.forEach((dispatch, i) => {
      recordPass(encoder, Array<Dispatch>(repeats).fill(dispatch), timestamps.pass(i));
    });
    const read = timestamps.record(encoder);
    this.#finish(encoder);
    return read();
  }

  async #timeOnCpu(repeats: number): Promise<number[]> {
    const { queue } = this.#context.device;
    const nanoseconds: number[] = [];
    await queue.onSubmittedWorkDone();
    for (let i = 0; i < this.#work.length; i++) {
      const encoder = this.#context.device.createCommandEncoder();
      const dispatch = this.#bind().dispatches[i];
      recordPass(encoder, Array<Dispatch>(repeats).fill(dispatch));
      const start = performance.now();
      queue.submit([encoder.finish()]);
      await queue.onSubmittedWorkDone();
      nanoseconds.push((performance.now() - start) * 1e6);
    }
    this.#finish(this.#context.device.createCommandEncoder());
    return nanoseconds;
  }

  /** What must be awaited before a run starts: another one in time slices, or values from another device. */
  #obstacle(): Promise<void> | undefined {
    return this.#context.alone ?? this.#refresh();
  }

  /** Refreshes the parameters; returns a promise only if values must come from another device. */
  #refresh(): Promise<void> | undefined {
    this.#context.check();
    for (const parameter of this.#plan.parameters) {
      const refreshed = this.#context.parameters.refresh(parameter);
      if (refreshed) return refreshed.then(() => this.#refresh());
    }
    return undefined;
  }

  /** Writes inputs and scalars. No await from here to the submission, since runs may overlap. */
  #write(inputs: ReadonlyMap<Input, TypedArray>, scalars = this.#plan.scalars.map(({ value }) => value)): void {
    const { device } = this.#context;
    for (const [input, values] of inputs) upload(device, this.#buffers.of(input), values);
    this.#buffers.writeScalars(scalars);
  }

  /** Binds everything, unless that is done and parameters have not moved since. */
  #bind(): Bound {
    const { device, parameters } = this.#context;
    if (this.#bound?.moves === parameters.moves) return this.#bound;
    this.#buffers.dropTemporary();
    const dispatches = this.#work.map((work) => bind(device, work, this.#buffers));
    const updates = this.#plan.updates.flatMap(({ parameter, value }) => this.#buffers.copies(value, parameter));
    return (this.#bound = { moves: parameters.moves, dispatches, passes: passesOf(dispatches), updates });
  }

  /** Copies updates to their parameters and submits. */
  #finish(encoder: GPUCommandEncoder): void {
    recordCopies(encoder, this.#bind().updates);
    this.#context.device.queue.submit([encoder.finish()]);
    for (const { parameter } of this.#plan.updates) this.#context.parameters.changed(parameter);
  }

  dispose(): void {
    this.#buffers.dispose();
  }
}
