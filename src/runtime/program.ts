// A compiled function: checks its inputs, runs, and returns outputs by name.

/// <reference lib="esnext.disposable" preserve="true" />

import type { Executable, Plan, Timing } from '../backends/device.ts';
import type { TensorData, TypedArray } from '../core/dtype.ts';
import { allocate } from '../core/dtype.ts';
import type { Parameter } from '../core/parameter.ts';
import { formatSpec, Tensor, type Input, type TensorSpec } from '../core/tensor.ts';

/** What a compiled function may return: one tensor, or an object of tensors. */
export type Outputs<O> = Tensor | { readonly [K in keyof O]: Tensor };

/** The values that a run returns for a function's outputs. */
export type OutputValues<O> = O extends Tensor ? TensorData : { readonly [K in keyof O]: TensorData };

/** Values for each input of a program. */
export type InputValues<S> = { readonly [K in keyof S]: TypedArray };

/** A function compiled for one device. */
export class Program<S extends Readonly<Record<string, TensorSpec>>, O extends Outputs<O>> {
  /** Steps, memory and updates: plain data, for printing and drawing. */
  readonly plan: Plan;
  readonly #executable: Executable;
  readonly #outputs: O;
  readonly #own: readonly Parameter[];
  readonly #checks: readonly (() => void)[];
  #disposed = false;
  /** Runs in flight. */
  #running = 0;

  /** `own` are parameters that nothing else can read: discarded with the program. `checks` are called before each run. */
  constructor(
    executable: Executable,
    plan: Plan,
    outputs: O,
    own: readonly Parameter[] = [],
    checks: readonly (() => void)[] = [],
  ) {
    this.#executable = executable;
    this.plan = plan;
    this.#outputs = outputs;
    this.#own = own;
    this.#checks = checks;
  }

  /** Runs once and returns all outputs. */
  async run(inputs: InputValues<S>): Promise<OutputValues<O>> {
    if (this.#outputs instanceof Tensor)
      return (await this.#run(inputs, { output: this.#outputs })).output as OutputValues<O>;
    return (await this.#run(inputs, this.#outputs as Readonly<Record<string, Tensor>>)) as OutputValues<O>;
  }

  /** Runs once without reading back any output: for training steps whose loss is not needed. */
  async enqueue(inputs: InputValues<S>): Promise<void> {
    await this.#run(inputs, {});
  }

  /** Resolves when all runs so far are done, including those of `enqueue`. */
  finished(): Promise<void> {
    return this.#executable.finished();
  }

  /**
   * Runs once, dispatch by dispatch, and returns the time of each; parameters change as in any run. `repeats` above 1
   * dispatches each several times, for coarse clocks; results computed in place are then wrong.
   */
  async time(inputs: InputValues<S>, repeats = 1): Promise<Timing> {
    const checked = this.#checked(inputs);
    return this.#kept(() => this.#executable.time(checked, repeats));
  }

  /** Frees the program's memory once runs in flight are done. Parameters stay. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#running === 0) this.#free();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #free(): void {
    for (const parameter of this.#own) parameter.discard();
    this.#executable.dispose();
  }

  /** Runs `work`; a program disposed of meanwhile keeps its memory until `work` is done. */
  async #kept<T>(work: () => Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await work();
    } finally {
      if (--this.#running === 0 && this.#disposed) this.#free();
    }
  }

  #checked(inputs: InputValues<S>): Map<Input, TypedArray> {
    if (this.#disposed) throw new Error('This program was disposed; compile it again.');
    for (const check of this.#checks) check();
    return new Map(this.plan.inputs.map((input) => [input, checkInput(input, inputs[input.name])]));
  }

  async #run(inputs: InputValues<S>, wanted: Readonly<Record<string, Tensor>>): Promise<Record<string, TensorData>> {
    const checked = this.#checked(inputs);
    const data = await this.#kept(() => this.#executable.run(checked, Object.values(wanted)));
    return Object.fromEntries(
      Object.entries(wanted).map(([name, { shape, dtype }], i) => [name, { shape, dtype, data: data[i] }]),
    );
  }
}

function checkInput(input: Input, values: TypedArray | undefined): TypedArray {
  const expected = allocate(input.dtype, 0).constructor.name;
  const found = values === undefined ? 'nothing' : `${values.constructor.name} of ${values.length}`;
  if (values?.constructor.name !== expected || values.length !== input.size) {
    throw new Error(
      `run: input "${input.name}" is ${formatSpec(input)} and takes a ${expected} of ${input.size}, ` +
        `but was given ${found}.`,
    );
  }
  // Dawn's bindings for Node crash the process on shared memory.
  const isShared = typeof SharedArrayBuffer !== 'undefined' && values.buffer instanceof SharedArrayBuffer;
  return isShared ? values.slice() : values;
}
