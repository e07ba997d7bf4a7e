// A compiled program as plain data: its steps, their dependencies, and its costs. Printed by `five-tigers inspect`.

import type { Plan, Step } from '../backends/device.ts';
import { Buffer } from '../core/parameter.ts';
import { formatSpec, type Tensor } from '../core/tensor.ts';
import { bytesPerElement } from '../core/dtype.ts';
import { partsOf } from '../core/arena.ts';
import { isFused, type FusedAttrs } from '../ops/elementwise/fused.ts';
import { viewedTensor } from './memory.ts';

/** What a step computes, and its minimum cost. */
export interface StepCosts {
  /** Types and shapes of its results, such as `f32[64, 10]`. */
  readonly outputs: readonly string[];
  /** Floating-point operations, as the op counts them. */
  readonly flops: number;
  /** Minimum memory traffic: each tensor once. */
  readonly bytes: number;
}

/** One step of a program. */
export interface StepReport extends StepCosts {
  readonly op: string;
  /** The ops fused into it: the producer, if there is one, then elementwise ops. */
  readonly parts: readonly string[];
  /** Names of its kernels, in order; empty on the CPU. */
  readonly kernels: readonly string[];
  /** Types and shapes, such as `f32[64, 10]`. */
  readonly inputs: readonly string[];
  /** Indices of the steps whose results it reads. */
  readonly after: readonly number[];
  /** Names of the inputs and parameters that it reads. */
  readonly reads: readonly string[];
  /** Names of the parameters that it updates. */
  readonly updates: readonly string[];
}

/** A program. Bytes are device memory. */
export interface ProgramReport {
  readonly steps: readonly StepReport[];
  readonly flops: number;
  readonly bytes: number;
  readonly dispatches: number;
  /** Number of trainable values, and bytes of all parameters: weights, optimizer state, counters. */
  readonly parameters: number;
  readonly parameterBytes: number;
  readonly inputBytes: number;
  /** Memory planned for intermediate results, and what it would be without reuse; null on the CPU. */
  readonly peakBytes: number | null;
  readonly bytesWithoutReuse: number | null;
}

const bytesOf = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, { size, dtype }) => sum + size * bytesPerElement[dtype], 0);
const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

/** What a step computes, and its minimum arithmetic and memory traffic. */
export const stepCosts = ({ op, attrs, inputs, outputs }: Step): StepCosts => ({
  outputs: outputs.map(formatSpec),
  flops: op.flops ? op.flops(inputs, outputs, attrs) : sumOf(outputs.map(({ size }) => size)),
  bytes: bytesOf([...new Set([...inputs, ...outputs])]),
});

/** The ops within a fused step. */
const opsWithin = ({ producer, chain }: FusedAttrs): string[] =>
  [...(producer ? [producer] : []), ...chain].map(({ op }) => op.name);

/** Describes a program, or its plan. `names` overrides parameters' own names, for example with their paths. */
export function inspectProgram(
  program: { readonly plan: Plan } | Plan,
  names: ReadonlyMap<Tensor, string> = new Map(),
): ProgramReport {
  const plan = 'plan' in program ? program.plan : program;
  const madeBy = new Map(
    plan.steps.flatMap(({ outputs }, at) => outputs.flatMap(partsOf).map((tensor) => [tensor, at] as const)),
  );
  const updated = new Map(plan.updates.map(({ parameter, value }) => [value, names.get(parameter) ?? parameter.name]));
  const leafNames = new Map<Tensor, string>(
    [...plan.inputs, ...plan.scalars, ...plan.parameters].map((leaf) => [leaf, names.get(leaf) ?? leaf.name]),
  );
  const steps = plan.steps.map((step): StepReport => {
    const roots = [...new Set(step.inputs.flatMap(partsOf).map(viewedTensor))];
    // A root that no step computes is a leaf.
    const after = roots.flatMap((root) => madeBy.get(root) ?? []);
    return {
      ...stepCosts(step),
      op: step.op.name,
      parts: isFused(step) ? opsWithin(step.attrs) : [],
      kernels: step.kernels.map(({ name }) => name),
      inputs: step.inputs.map(formatSpec),
      after: [...new Set(after)].sort((a, b) => a - b),
      reads: roots.flatMap((root) => leafNames.get(root) ?? []),
      updates: step.outputs.flatMap(partsOf).flatMap((output) => updated.get(output) ?? []),
    };
  });
  const onGpu = plan.memory.pool.length > 0 && plan.steps.some(({ kernels }) => kernels.length > 0);
  return {
    steps,
    flops: sumOf(steps.map(({ flops }) => flops)),
    bytes: sumOf(steps.map(({ bytes }) => bytes)),
    dispatches: sumOf(steps.map(({ kernels }) => kernels.length)),
    parameters: sumOf(plan.parameters.filter((one) => !(one instanceof Buffer)).map(({ size }) => size)),
    parameterBytes: bytesOf(plan.parameters),
    inputBytes: bytesOf(plan.inputs),
    peakBytes: onGpu ? sumOf(plan.memory.pool) : null,
    bytesWithoutReuse: onGpu ? plan.memory.bytesWithoutReuse : null,
  };
}
