// Pooling in ONNX, with torch's windows at the end of each axis.

import type { Pool2dShape } from '../../../shaders/conv/pool2d.wgsl.ts';
import type { OnnxGraph, OnnxValue } from '../../core/onnx.ts';

/** MaxPool or AveragePool. Windows that ceilMode lets extend past the padded image get more padding, which is not counted. */
export function windowPoolOnnx(
  graph: OnnxGraph,
  x: OnnxValue,
  type: 'MaxPool' | 'AveragePool',
  s: Pool2dShape,
): OnnxValue {
  const before = s.padding;
  const after = ([0, 1] as const).map((axis) => {
    const reached = (s.output[axis] - 1) * s.stride[axis] + s.dilation[axis] * (s.kernel[axis] - 1) + 1;
    return Math.max(s.padding[axis], reached - s.image[axis] - s.padding[axis]);
  });
  const windows = { kernel_shape: s.kernel, strides: s.stride };
  if (type === 'MaxPool') {
    return graph.node(type, [x], { ...windows, pads: [...before, ...after], dilations: s.dilation });
  }
  if (!s.countIncludePad || before.every((zeros) => zeros === 0)) {
    return graph.node(type, [x], { ...windows, pads: [...before, ...after], count_include_pad: 0 });
  }
  const beyond = after.map((zeros, axis) => zeros - s.padding[axis]);
  const padded = graph.node('Pad', [x, graph.ints([0, 0, ...s.padding, 0, 0, ...s.padding])]);
  return graph.node(type, [padded], { ...windows, pads: [0, 0, ...beyond], count_include_pad: 0 });
}

/** One reduction per window: first over rows, then over columns. */
export function adaptivePoolOnnx(
  graph: OnnxGraph,
  x: OnnxValue,
  reduction: string,
  windows: readonly (readonly (readonly [from: number, count: number])[])[],
): OnnxValue {
  return windows.reduce((image, along, i) => {
    const axis = 2 + i;
    const parts = along.map(([from, count]) => {
      const range = [from, from + count, axis].map((value) => graph.ints([value]));
      return graph.node(reduction, [graph.node('Slice', [image, ...range])], { axes: [axis], keepdims: 1 });
    });
    return graph.node('Concat', parts, { axis });
  }, x);
}
