// `five-tigers/kernels`, for writing your own ops: the parts of a record, helpers for shapes and kernels, and a test.

export {
  apply, applyOne, type CpuArray, type CpuCall, expectDType, type KernelCall, type KernelOp, type Op, type Pointwise,
  type PointwiseOp, type ViewOp, type VjpCall,
} from './core/op.ts'; // prettier-ignore
export {
  type Binding, type Capabilities, type ElementType, type Kernel, linearGrid, MAX_WORKGROUPS, perThread, type SubgroupMatrix,
  type Variant,
} from './core/kernel.ts'; // prettier-ignore
export {
  gradientOnly,
  type Onnx,
  type OnnxCall,
  type OnnxGraph,
  type OnnxValue,
  type OnnxWriter,
} from './core/onnx.ts';
export {
  broadcastShapes, broadcastStrides, expectWhole, formatShape, resolveAxes, resolveAxis, sameShape, type Shape, sizeOf, stridesOf,
} from './core/shape.ts'; // prettier-ignore
export { alike, operands, pointwise, type PointwiseRecord } from './ops/elementwise/pointwise.ts';
export { nest, nested, type NestedNode } from './ops/lib/onnx.ts';
export { LINEAR_WORKGROUP, linearLoop, linearMain } from '../shaders/lib/grid.wgsl.ts';
export { literal } from '../shaders/lib/literal.wgsl.ts';
export { elements, reads, stores } from '../shaders/lib/bindings.ts';
export { booleans, floats, integers, type Values, type VerifyCase } from './verify/case.ts';
export {
  given, type OpTestCase, OpTestError, type OpTestOptions, type OpTestReport, type RefusedCall, testOp,
} from './verify/test-op.ts'; // prettier-ignore
export { type Tolerance } from './verify/tolerances.ts';
