// The record that says everything that is true of an operation, and the call that puts it into a graph.

import type { DType, TypedArray } from './dtype.ts';
import type { Capabilities, Variant } from './kernel.ts';
import type { Onnx } from './onnx.ts';
import { Tensor, type TensorSpec } from './tensor.ts';

/** Memory of the CPU reference. Floats may be held in float64 there, for finite differences. */
export type CpuArray = TypedArray | Float64Array;

/** What an op's CPU reference gets: arrays in row-major order; outputs come zeroed. */
export interface CpuCall<A> {
  readonly inputs: readonly CpuArray[];
  readonly outputs: readonly CpuArray[];
  readonly inputSpecs: readonly TensorSpec[];
  readonly outputSpecs: readonly TensorSpec[];
  readonly attrs: A;
}

/** What an op's kernel is chosen from. */
export interface KernelCall<A> {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly attrs: A;
  readonly capabilities: Capabilities;
  /** For each output the input whose memory it takes over, or null. Only ops with `inPlaceFrom` ever see one. */
  readonly aliases?: readonly (number | null)[];
}

/** What a gradient is made from. `gradients[i]` is null when nothing depends on output i. */
export interface VjpCall<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly gradients: readonly (Tensor | null)[];
  readonly attrs: A;
}

/** How an elementwise op looks inside a fused kernel. Arguments and results are WGSL expressions. */
export interface Pointwise<A> {
  /** The WGSL expression; `dtypes` are those of the arguments. */
  wgsl(args: readonly string[], attrs: A, dtypes: readonly DType[]): string;
  /** The same on the CPU, in float64. `index` is the element's position in the output. */
  cpu(args: readonly number[], attrs: A, index: number): number;
  /** WGSL functions that the expression calls. */
  readonly helpers?: string;
}

/** What is true of an op of any kind. */
interface OpRecord<A> {
  readonly name: string;
  /** Output specs for these inputs; throws an error that names the op and shows the shapes. */
  infer(inputs: readonly TensorSpec[], attrs: A): TensorSpec[];
  /** The reference: plain loops, sums in float64. */
  cpu(call: CpuCall<A>): void;
  /**
   * Gradients of the inputs (null where there is none), made of ordinary ops; `'none'` for an op without gradient. Where
   * an input was broadcast, its gradient may have the broadcast shape: grad() sums it.
   */
  readonly vjp: 'none' | ((call: VjpCall<A>) => (Tensor | null)[]);
  /** Where `vjp` is 'none' and another way has a gradient: what to do instead, as a sentence of grad()'s error. */
  readonly noGradient?: string;
  /** How it is written to ONNX. */
  readonly onnx: Onnx<A>;
  /** Floating-point operations of one call, where that is not the number of output elements. */
  flops?(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[], attrs: A): number;
}

/** An op whose output is its input's memory under another shape: nothing runs. */
export interface ViewOp<A extends object> extends OpRecord<A> {
  readonly kind: 'view';
}

/** An elementwise op: the fusion pass joins it with its neighbours, and makes their kernel. */
export interface PointwiseOp<A extends object> extends OpRecord<A> {
  readonly kind: 'pointwise';
  readonly pointwise: Pointwise<A>;
}

/** An op with GPU kernels of its own. */
export interface KernelOp<A extends object> extends OpRecord<A> {
  readonly kind: 'kernels';
  /** The ways to compute it on a GPU, best first for these capabilities; all of them are right, and all are tested. */
  gpu(call: KernelCall<A>): Variant[];
  /**
   * The first input that is read only where the same element is written, when it has as many elements as an output: from
   * there on an output may take over an input's memory. Absent where no input is read so.
   */
  inPlaceFrom?(attrs: A): number;
  /**
   * True when every variant writes its one output by `store` (see Binding), so that elementwise ops can join it where that
   * is a float.
   */
  readonly stores?: boolean;
}

/** An operation: shape rule, CPU reference, how a GPU computes it, and gradient in one record. */
// oxlint-disable-next-line no-explicit-any -- a graph holds ops of all attributes; each is safe with its own.
export type Op<A extends object = any> = ViewOp<A> | PointwiseOp<A> | KernelOp<A>;

/** Records one application of `op` and gives its outputs. */
export function apply<A extends object>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  const outputs: Tensor[] = [];
  const node = { op, attrs, inputs, outputs };
  for (const { shape, dtype } of op.infer(inputs, attrs)) outputs.push(new Tensor(shape, dtype, node));
  return outputs;
}

/** `apply` for the many ops that have one output. */
export function applyOne<A extends object>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return apply(op, inputs, attrs)[0];
}

/** Checks an input's dtype and gives an error that names the op. */
export function expectDType(who: string, what: string, input: TensorSpec, ...allowed: DType[]): void {
  if (!allowed.includes(input.dtype)) {
    throw new Error(`${who}: ${what} must be ${allowed.join(' or ')}, but is ${input.dtype}.`);
  }
}
