// What the variants of a recurrent layer share: its sizes, the bindings of each cell, and the dispatches of a sequence, one per step.
import { linearGrid, type Binding, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { LINEAR_WORKGROUP } from '../lib/grid.wgsl.ts';

/** Elman's network with tanh or relu; long short-term memory; gated recurrent unit. */
export type Cell = 'rnnTanh' | 'rnnRelu' | 'lstm' | 'gru';

/** Rows of the weight per hidden unit: in torch's order i, f, g, o and r, z, n. */
export const GATES: Readonly<Record<Cell, number>> = { rnnTanh: 1, rnnRelu: 1, lstm: 4, gru: 3 };

/** In `args`, stands for a step before the first or after the last. */
export const NO_STEP = 2 ** 32 - 1;

export interface RecurrentShape {
  readonly cell: Cell;
  readonly direction: 'forward' | 'backward';
  readonly batch: number;
  readonly hidden: number;
  /** Type of floats in memory. */
  readonly element: 'f32' | 'f16';
  /** The output that overwrites the last input in place: that is then bound as this output. */
  readonly taker: number | null;
  /** Backward: whether the cell states have a gradient of their own. */
  readonly cellGradient?: boolean;
}

/** Names of inputs and outputs, in order. The output of the last input's size may overwrite it in place. */
export function recurrentNames(s: Pick<RecurrentShape, 'cell' | 'direction' | 'cellGradient'>): {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
} {
  const isForward = s.direction === 'forward';
  switch (s.cell) {
    case 'lstm':
      return isForward
        ? { inputs: ['weight_hh', 'h0', 'c0', 'gates'], outputs: ['y', 'cells', 'activated'] }
        : {
            inputs: ['weight_hh', 'dy', 'c0', 'cells', ...(s.cellGradient ? ['dcells'] : []), 'activated'],
            outputs: ['dgates', 'carry'],
          };
    case 'gru':
      return isForward
        ? { inputs: ['weight_hh', 'h0', 'bias_n', 'gates'], outputs: ['y', 'hidden_n', 'activated'] }
        : {
            inputs: ['weight_hh', 'dy', 'previous', 'hidden_n', 'activated'],
            outputs: ['dgates', 'carry', 'dhidden_n'],
          };
    default:
      return isForward
        ? { inputs: ['weight_hh', 'h0', 'gates'], outputs: ['y'] }
        : { inputs: ['weight_hh', 'dy', 'y'], outputs: ['dgates'] };
  }
}

/** The buffer with the inputs of the step's elements: the last input, or the output that overwrites it. */
export function sourceOf(s: RecurrentShape): string {
  const { inputs, outputs } = recurrentNames(s);
  return s.taker === null ? inputs[inputs.length - 1] : outputs[s.taker];
}

/** The step that a dispatch computes, and the steps processed before and after it; null at the ends. */
export interface RecurrentStep {
  readonly at: number;
  readonly before: number | null;
  readonly after: number | null;
}

/** The arguments of a step's dispatch: backward the step after it comes before the one before it. */
const argumentsOf = ({ direction }: RecurrentShape, { at, before, after }: RecurrentStep): number[] =>
  direction === 'forward' ? [at, before ?? NO_STEP] : [at, after ?? NO_STEP, before ?? NO_STEP];

/** Sums per thread and row, and the number of vec4s in each. */
export function productOf({ cell, direction, hidden }: RecurrentShape): { sums: number; depth: number } {
  const vectors = Math.ceil(hidden / 4);
  return direction === 'forward' ? { sums: GATES[cell], depth: vectors } : { sums: 1, depth: vectors * GATES[cell] };
}

/** A dispatch before the first step that writes the weight in the layout that a variant reads. */
interface Preparation {
  readonly wgsl: string;
  /** Shape of what it writes, in f32: one vec4 per thread. */
  readonly shape: readonly number[];
}

/** A variant's dispatch of a step, and the type with which it, or the preparation, binds the stored weight. */
interface StepText {
  readonly weight: Binding['type'];
  readonly wgsl: string;
  readonly workgroups: Kernel['workgroups'];
  readonly preparation?: Preparation;
}

/** The variant `name`, with one dispatch per step, all of the same WGSL, and one before them if the weight is prepared. */
export function perStep(
  s: RecurrentShape,
  steps: readonly RecurrentStep[],
  name: string,
  { weight, wgsl, workgroups, preparation }: StepText,
): Variant {
  const op = s.direction === 'forward' ? 'recurrent' : 'recurrentGrad';
  const names = recurrentNames(s);
  const stored: Binding = { name: 'weight_hh', type: weight };
  const others = names.inputs.slice(1);
  const inputs = others.map((input, i): Binding | null =>
    s.taker !== null && i === others.length - 1 ? null : { name: input, type: s.element },
  );
  // What is carried from step to step would be rounded at each.
  const outputs = names.outputs.map((output): Binding => ({
    name: output,
    type: output === 'carry' ? 'f32' : s.element,
  }));
  const prepared: Binding = { name: 'prepared', type: 'vec4<f32>' };
  const dispatches = steps.map((step): Kernel => ({
    name: `${op}.${s.cell}.${name}`,
    inputs: preparation ? [null, ...inputs, prepared] : [stored, ...inputs],
    outputs,
    workgroups,
    arguments: argumentsOf(s, step),
    wgsl,
  }));
  if (!preparation) return { name, kernels: dispatches };
  const first: Kernel = {
    name: `${op}.${s.cell}.prepare`,
    inputs: [stored, ...inputs.map(() => null), prepared],
    outputs: outputs.map(() => null),
    workgroups: linearGrid(sizeOf(preparation.shape) / 4, LINEAR_WORKGROUP),
    wgsl: preparation.wgsl,
  };
  return { name, kernels: [first, ...dispatches], scratch: [{ shape: preparation.shape, dtype: 'f32' }] };
}
