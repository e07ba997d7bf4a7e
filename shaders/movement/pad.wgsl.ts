// Pads x with zeros: before it, after it, and `spacing - 1` between neighbours.
//
// Thread map: one thread per element of y, which checks whether it holds an element of x. No barrier: one variant for all.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type ElementType, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';

export interface PadAxis {
  readonly input: number;
  readonly output: number;
  readonly before: number;
  readonly spacing: number;
}

export function padGather(axes: readonly PadAxis[], type: ElementType): Kernel {
  let [inner, stride] = [1, 1];
  const steps = axes.toReversed().map(({ input, output, before, spacing }) => {
    // Before the first element the difference wraps to a large number, which is also out of bounds.
    const step = wgsl`
  {
    let position = (index / ${inner}u) % ${output}u - ${before}u;
    inside = inside && position % ${spacing}u == 0u && position / ${spacing}u < ${input}u;
    at += position / ${spacing}u * ${stride}u;
  }`;
    inner *= output;
    stride *= input;
    return step;
  });
  const text = wgsl`
${linearMain(inner)}
  var inside = true;
  var at = 0u;
  ${steps.join('')}
  if (inside) { y[index] = x[at]; } else { y[index] = ${type}(0); }
}
`;
  return {
    name: 'pad.gather',
    inputs: [{ name: 'x', type }],
    outputs: [{ name: 'y', type }],
    workgroups: linearGrid(inner, LINEAR_WORKGROUP),
    wgsl: text,
  };
}
