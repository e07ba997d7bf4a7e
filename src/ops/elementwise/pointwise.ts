// Builds an elementwise op's record from a line each of WGSL, CPU code and derivative. Broadcasting is handled here.

import type { DType } from '../../core/dtype.ts';
import type { Onnx } from '../../core/onnx.ts';
import {
  anyOf,
  applyOne,
  type CpuCall,
  type Op,
  type Pointwise,
  type PointwiseOp,
  type VjpCall,
} from '../../core/op.ts';
import { broadcastShapes, broadcastStrides, sizeOf, stridedOffsets, type Shape } from '../../core/shape.ts';
import { toTensor, Tensor, type TensorLike, type TensorSpec } from '../../core/tensor.ts';

/** The part of a record that is specific to one elementwise op. */
export interface PointwiseRecord<A extends object> extends Pointwise<A> {
  readonly name: string;
  /** The output's dtype from the inputs' specs; throws for dtypes that the op does not support. */
  dtype(inputs: readonly TensorSpec[], attrs: A): DType;
  /** Shape of the output; by default the inputs' shapes broadcast. */
  shape?(inputs: readonly TensorSpec[], attrs: A): readonly number[];
  /** Gradients of the inputs, with the output's shape: grad() sums them over broadcast axes. */
  readonly vjp: 'none' | ((gradient: Tensor, call: VjpCall<A>) => (Tensor | null)[]);
  readonly onnx: Onnx<A>;
}

/** The op for an elementwise function. */
export function pointwise<A extends object = object>(record: PointwiseRecord<A>): PointwiseOp<A> {
  const { name, vjp } = record;
  return {
    name,
    kind: 'pointwise',
    infer(inputs, attrs) {
      const dtype = record.dtype(inputs, attrs);
      return [{ shape: record.shape?.(inputs, attrs) ?? broadcastShapes(name, ...inputs.map((x) => x.shape)), dtype }];
    },
    cpu: (call) => evaluate(record, call),
    pointwise: record,
    vjp: vjp === 'none' ? 'none' : (call) => vjp(call.gradients[0]!, call),
    onnx: record.onnx,
  };
}

function evaluate<A>(record: Pointwise<A>, { inputs, outputs, inputSpecs, outputSpecs, attrs }: CpuCall<A>): void {
  const { shape } = outputSpecs[0];
  const offsets = inputSpecs.map((input) => broadcastOffsets(input.shape, shape));
  const args = new Array<number>(inputs.length);
  for (let index = 0; index < sizeOf(shape); index++) {
    for (let k = 0; k < inputs.length; k++) args[k] = inputs[k][offsets[k]?.[index] ?? index];
    outputs[0][index] = record.cpu(args, attrs, index);
  }
}

/** Offset of each element of `target` in a tensor of `shape` broadcast to it; null if nothing is broadcast. */
function broadcastOffsets(shape: Shape, target: Shape): Uint32Array | null {
  if (sizeOf(shape) === sizeOf(target)) return null;
  return stridedOffsets(target, broadcastStrides(shape, target));
}

/** Converts operands to tensors; a number takes the dtype of the first tensor. */
export function operands(...values: TensorLike[]): Tensor[] {
  const dtype = values.find((value) => value instanceof Tensor)?.dtype ?? 'f32';
  return values.map((value) => toTensor(value, dtype));
}

/** A dtype rule: all inputs have the same type, one of `allowed`. */
export function alike(name: string, ...allowed: DType[]) {
  return (inputs: readonly TensorSpec[]): DType => {
    const { dtype } = inputs[0];
    if (inputs.some((input) => input.dtype !== dtype) || !allowed.includes(dtype)) {
      const found = inputs.map((input) => input.dtype).join(', ');
      if (inputs.length === 1) throw new Error(`${name}: x must be ${anyOf(allowed)}, but is ${found}.`);
      throw new Error(`${name}: all inputs must have one type, ${anyOf(allowed)}, but are ${found}.`);
    }
    return dtype;
  };
}

/** The public function of an op with one input. */
export function unaryFunction(op: Op): (x: Tensor) => Tensor {
  return (x) => applyOne(op, [x], {});
}

/** The public function of an op with two inputs, either of which may be a number. */
export function binaryFunction(op: Op): (a: TensorLike, b: TensorLike) => Tensor {
  return (a, b) => applyOne(op, operands(a, b), {});
}
