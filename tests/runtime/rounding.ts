// Estimates a program's rounding errors by random perturbation.

import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device, Step } from '../../src/backends/device.ts';
import { isFloat } from '../../src/core/dtype.ts';
import type { CpuArray, CpuCall, Op } from '../../src/core/op.ts';
import { RandomSource } from '../../src/core/random.ts';
import type { TensorSpec } from '../../src/core/tensor.ts';

/** Ops that move or select values without rounding. */
const EXACT = new Set(['max', 'min', 'expand', 'reshape', 'permute', 'slice', 'concat', 'pad', 'detach', 'where']);

/** Ops with an absolute error bound in WGSL near 0, because they are a difference of values near 1. */
const ABSOLUTE = new Set(['tanh', 'log']);

/**
 * A CPU device that computes in float64 and perturbs every float that an op reads or writes by a random relative error up to
 * `noise` (Monte Carlo arithmetic: D. S. Parker, 1997). The deviation from exact results shows the program's response to
 * roundings of that size, including cancellation.
 */
export function noisyCpu(noise: number, seed: number): Device {
  const random = new RandomSource(seed);
  const cpu = new CpuDevice({ float64: true });
  const moved = (values: CpuArray, { dtype }: TensorSpec, least = 0): CpuArray => {
    const move = (value: number) => value + Math.max(Math.abs(value), least) * noise * random.uniform(-1, 1);
    return isFloat(dtype) ? Float64Array.from(values, move) : values;
  };
  const noisy = (op: Op): Op => ({
    ...op,
    cpu(call: CpuCall<object>) {
      op.cpu({ ...call, inputs: call.inputs.map((input, i) => moved(input, call.inputSpecs[i])) });
      call.outputs.forEach((output, i) =>
        output.set(moved(output, call.outputSpecs[i], ABSOLUTE.has(op.name) ? 1 : 0)),
      );
    },
  });
  const replaced = (step: Step): Step =>
    EXACT.has(step.op.name) || step.outputs.every(({ dtype }) => !isFloat(dtype))
      ? step
      : { ...step, op: noisy(step.op) };
  return {
    info: cpu.info,
    capabilities: null,
    lost: cpu.lost,
    load: (plan) => cpu.load({ ...plan, steps: plan.steps.map(replaced) }),
    read: (parameter) => cpu.read(parameter),
    forget: (parameter) => cpu.forget(parameter),
    destroy() {},
  };
}
