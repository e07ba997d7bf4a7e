// The record that holds everything about an op, and the call that adds it to a graph.

import type { DType, TypedArray } from './dtype.ts';
import type { Capabilities, Variant } from './kernel.ts';
import type { Onnx } from './onnx.ts';
import { Tensor, type TensorSpec } from './tensor.ts';

/** An array of the CPU reference. Floats may be float64, for finite differences. */
export type CpuArray = TypedArray | Float64Array;

/** Arguments of an op's CPU reference: arrays in row-major order; outputs are zeroed. */
export interface CpuCall<A> {
  readonly inputs: readonly CpuArray[];
  readonly outputs: readonly CpuArray[];
  readonly inputSpecs: readonly TensorSpec[];
  readonly outputSpecs: readonly TensorSpec[];
  readonly attrs: A;
}

/** What an op's variants are chosen by. */
export interface KernelCall<A> {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly attrs: A;
  readonly capabilities: Capabilities;
  /** For each output, the index of the input that it overwrites in place, or null. Only ops with `inPlaceFrom` see one. */
  readonly aliases?: readonly (number | null)[];
}

/** Arguments of an op's gradient. `gradients[i]` is null when nothing depends on output i. */
export interface VjpCall<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly gradients: readonly (Tensor | null)[];
  readonly attrs: A;
}

/** An elementwise op inside a fused kernel. Arguments and results are WGSL expressions. */
export interface Pointwise<A> {
  /** The WGSL expression; `dtypes` are those of the arguments. */
  wgsl(args: readonly string[], attrs: A, dtypes: readonly DType[]): string;
  /** The same on the CPU, in float64. `index` is the element's position in the output. */
  cpu(args: readonly number[], attrs: A, index: number): number;
  /** WGSL functions that the expression calls. */
  readonly helpers?: string;
}

/** What ops of every kind have. */
interface OpRecord<A> {
  readonly name: string;
  /** Output specs for these inputs; throws an error that names the op and shows the shapes. */
  infer(inputs: readonly TensorSpec[], attrs: A): TensorSpec[];
  /** The reference: plain loops, sums in float64. */
  cpu(call: CpuCall<A>): void;
  /**
   * Gradients of the inputs (null where there is none), made of ordinary ops; `'none'` for an op without gradient. If an
   * input was broadcast, its gradient may have the broadcast shape: grad() sums it.
   */
  readonly vjp: 'none' | ((call: VjpCall<A>) => (Tensor | null)[]);
  /** If `vjp` is 'none' but there is a differentiable alternative: what to do instead, as a sentence for grad()'s error. */
  readonly noGradient?: string;
  /** How it is exported to ONNX. */
  readonly onnx: Onnx<A>;
  /** Floating-point operations of one call, if not one per output element. */
  flops?(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[], attrs: A): number;
}

/** An op whose output is its input's memory with another shape: nothing runs. */
export interface ViewOp<A extends object> extends OpRecord<A> {
  readonly kind: 'view';
}

/** An elementwise op: the fusion pass merges it with its neighbours and generates their kernel. */
export interface PointwiseOp<A extends object> extends OpRecord<A> {
  readonly kind: 'pointwise';
  readonly pointwise: Pointwise<A>;
}

/** An op with GPU kernels of its own. */
export interface KernelOp<A extends object> extends OpRecord<A> {
  readonly kind: 'kernels';
  /** The ways to compute it on a GPU, best first for these capabilities; all are correct and tested. */
  gpu(call: KernelCall<A>): Variant[];
  /**
   * Index: inputs from this one on are read only at the element being written (if they have as many elements as an output), so an
   * output may overwrite one of them in place. Absent if there are none.
   */
  inPlaceFrom?(attrs: A): number;
  /**
   * True when every variant writes its one output through `store` (see Binding): if that is a float, elementwise ops can
   * be fused as its epilogue.
   */
  readonly stores?: boolean;
}

/** An op: shape rule, CPU reference, GPU kernels and gradient in one record. */
// oxlint-disable-next-line no-explicit-any -- a graph mixes attribute types; each op is type-safe with its own.
export type Op<A extends object = any> = ViewOp<A> | PointwiseOp<A> | KernelOp<A>;

/** Records one application of `op` and returns its outputs. */
export function apply<A extends object>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  const outputs: Tensor[] = [];
  const node = { op, attrs, inputs, outputs };
  for (const { shape, dtype } of op.infer(inputs, attrs)) outputs.push(new Tensor(shape, dtype, node));
  return outputs;
}

/** `apply` for ops with one output. */
export function applyOne<A extends object>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return apply(op, inputs, attrs)[0];
}

/** `f32, f16 or i32`, for errors. */
export const anyOf = (dtypes: readonly DType[]): string => dtypes.join(', ').replace(/, (\w+)$/, ' or $1');

/** Throws an error that names the op unless `input` has one of the `allowed` dtypes. */
export function expectDType(who: string, what: string, input: TensorSpec, ...allowed: DType[]): void {
  if (!allowed.includes(input.dtype)) {
    throw new Error(`${who}: ${what} must be ${anyOf(allowed)}, but is ${input.dtype}.`);
  }
}

/** Checks that the named `inputs` are all f32 or all f16; the error names the op. Absent ones are skipped. */
export function expectOneFloat(who: string, inputs: Readonly<Record<string, TensorSpec | undefined>>): void {
  const given = Object.entries(inputs).flatMap(([name, input]) => (input ? [[name, input.dtype] as const] : []));
  if (given.every(([, dtype]) => dtype === 'f32') || given.every(([, dtype]) => dtype === 'f16')) return;
  const list = given.map(([name, dtype]) => `${name} ${dtype}`).join(', ');
  throw new Error(`${who}: inputs must be all f32 or all f16, but are ${list}; convert with cast().`);
}
