// The reference device: runs each op's CPU loops. Slow, simple, and what every GPU result is checked against.

import { allocate, isFloat, type TypedArray } from '../../core/dtype.ts';
import { fromFloat16, fromFloat16Array, toFloat16, toFloat16Array } from '../../core/float16.ts';
import type { CpuArray } from '../../core/op.ts';
import type { Parameter } from '../../core/parameter.ts';
import type { Input, Tensor } from '../../core/tensor.ts';
import type { Device, DeviceInfo, DispatchTime, Executable, Plan, Step } from '../device.ts';
import { Turns } from '../turns.ts';

interface CpuOptions {
  /** Holds floats in float64 between ops, for finite differences. */
  readonly float64?: boolean;
}

/** Runs programs with the CPU reference of each op. */
export class CpuDevice implements Device {
  readonly info: DeviceInfo = {
    kind: 'cpu',
    vendor: '',
    architecture: '',
    description: 'CPU reference (JavaScript)',
    software: true,
    features: [],
    limits: {},
  };
  readonly capabilities = null;
  /** A CPU is never lost. */
  readonly lost = new Promise<string>(() => {});
  readonly #float64: boolean;
  readonly #turns = new Turns();
  readonly #values = new WeakMap<Parameter, { data: CpuArray; version: number }>();

  constructor({ float64 = false }: CpuOptions = {}) {
    this.#float64 = float64;
  }

  async load(plan: Plan): Promise<Executable> {
    return {
      run: (inputs, wanted) => this.#run(plan, inputs, wanted),
      time: async (inputs) => {
        const dispatches: DispatchTime[] = [];
        await this.#run(plan, inputs, [], dispatches);
        return { clock: 'host', dispatches };
      },
      finished: async () => {},
      dispose() {},
    };
  }

  async read(parameter: Parameter): Promise<TypedArray> {
    return toHost(parameter, this.#values.get(parameter)!.data);
  }

  forget(parameter: Parameter): void {
    if (parameter.leaves(this)) this.#values.delete(parameter);
  }

  destroy(): void {}

  async #run(
    plan: Plan,
    inputs: ReadonlyMap<Input, TypedArray>,
    wanted: readonly Tensor[],
    times?: DispatchTime[],
  ): Promise<TypedArray[]> {
    const values = new Map<Tensor, CpuArray>();
    // Captures inputs and scalars: the caller may change them while this run waits.
    const mustWait = this.#turns.areWaitedFor || !plan.parameters.every((parameter) => this.#isCurrent(parameter));
    for (const [input, data] of inputs) values.set(input, fromHost(input, mustWait ? data.slice() : data));
    for (const constant of plan.constants) values.set(constant, fromHost(constant, constant.data));
    for (const scalar of plan.scalars)
      values.set(scalar, this.#rounded(scalar, this.#allocate(scalar).fill(scalar.value)));
    if (!mustWait) return this.#compute(plan, values, wanted, times);
    const turn = this.#turns.take();
    try {
      await turn.before;
      for (const parameter of plan.parameters) if (!this.#isCurrent(parameter)) await this.#refresh(parameter);
      // No await from here on: a run started meanwhile must see this one's results.
      return this.#compute(plan, values, wanted, times);
    } finally {
      turn.started();
    }
  }

  #compute(plan: Plan, values: Map<Tensor, CpuArray>, wanted: readonly Tensor[], times?: DispatchTime[]): TypedArray[] {
    for (const parameter of plan.parameters) values.set(parameter, this.#values.get(parameter)!.data);
    plan.steps.forEach((step, at) => {
      const start = performance.now();
      this.#execute(step, values);
      times?.push({ step: at, kernel: step.op.name, milliseconds: performance.now() - start });
    });
    const results = wanted.map((tensor) => toHost(tensor, values.get(tensor)!));
    for (const { parameter, value } of plan.updates) {
      this.#values.set(parameter, { data: values.get(value)!, version: parameter.changedBy(this) });
    }
    return results;
  }

  #execute({ op, attrs, inputs, outputs }: Step, values: Map<Tensor, CpuArray>): void {
    const results = outputs.map((output) => this.#allocate(output));
    op.cpu({
      inputs: inputs.map((input) => values.get(input)!),
      outputs: results,
      inputSpecs: inputs,
      outputSpecs: outputs,
      attrs,
    });
    outputs.forEach((output, i) => values.set(output, this.#rounded(output, results[i])));
  }

  /** Memory of a tensor between ops. */
  #allocate({ dtype, size }: Tensor): CpuArray {
    if (!isFloat(dtype)) return allocate(dtype, size);
    return this.#float64 ? new Float64Array(size) : new Float32Array(size);
  }

  /** f16 is held as f32 that is rounded to f16's precision. */
  #rounded({ dtype }: Tensor, data: CpuArray): CpuArray {
    return dtype === 'f16' && !this.#float64 ? data.map((value) => fromFloat16(toFloat16(value))) : data;
  }

  #isCurrent(parameter: Parameter): boolean {
    return this.#values.get(parameter)?.version === parameter.version;
  }

  async #refresh(parameter: Parameter): Promise<void> {
    const { version } = parameter;
    const { data } = await parameter.read();
    const held = this.#values.get(parameter);
    // Another run may have read the values too, and changed them since.
    if (held && held.version >= version) return;
    this.#values.set(parameter, { data: fromHost(parameter, data), version });
    parameter.heldBy(this, version);
  }
}

/** A copy in the host type of `tensor`. */
function toHost({ dtype, size }: Tensor, data: CpuArray): TypedArray {
  if (dtype === 'f16') return toFloat16Array(data as Float32Array | Float64Array);
  const host = allocate(dtype, size);
  host.set(data);
  return host;
}

/** Values in the type that ops compute with: f16 as f32. */
function fromHost({ dtype }: Tensor, data: TypedArray): CpuArray {
  return dtype === 'f16' ? fromFloat16Array(data as Uint16Array) : data;
}
