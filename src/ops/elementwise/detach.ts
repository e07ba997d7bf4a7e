// Detaches a tensor from its history: the same values, without gradient.

import { pointwise, unaryFunction } from './pointwise.ts';

export const detachOp = pointwise({
  name: 'detach',
  dtype: ([x]) => x.dtype,
  wgsl: ([x]) => x,
  cpu: ([x]) => x,
  vjp: () => [null],
  onnx: (_graph, { inputs: [x] }) => x,
});

/** `x` as a constant to grad(). */
export const detach = unaryFunction(detachOp);
