// A block along one axis whose place is known only when the kernel runs: written into a tensor, or read from one.
//
// Thread map: one thread an element that is written. No barrier: one variant serves all.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from '../lib/grid.wgsl.ts';

/** A tensor seen as [outer, whole, inner], and the `part` of its middle axis that is written or read. */
export interface RunTimeSlice {
  readonly outer: number;
  readonly whole: number;
  readonly part: number;
  readonly inner: number;
  /** Type of the buffer `position`. */
  readonly position: 'i32' | 'u32';
}

/** The first element of the block within one `outer`: beyond either end it is the nearest that fits. */
const startFunction = ({ whole, part, inner, position }: RunTimeSlice) => wgsl`
fn start() -> u32 {
#if ${position === 'i32'}
  return u32(clamp(position[0], 0, ${whole - part})) * ${inner}u;
#else
  return min(position[0], ${whole - part}u) * ${inner}u;
#endif
}
`;

/** Where element `index` of the block lies in the whole tensor. */
const place = ({ whole, part, inner }: RunTimeSlice) =>
  `(index / ${part * inner}u) * ${whole * inner}u + start() + index % ${part * inner}u`;

/** y's block from value; y already holds the rest. */
export const writeSliceKernel = (s: RunTimeSlice): string => wgsl`
${startFunction(s)}
${linearMain(s.outer * s.part * s.inner)}
  y[${s.part * s.inner > 0 ? place(s) : 'index'}] = value[index];
}
`;

/** All of y: the block from value, the rest from cache. */
export const copyAndWriteSliceKernel = (s: RunTimeSlice): string => wgsl`
${startFunction(s)}
${linearMain(s.outer * s.whole * s.inner)}
  // Before the block the difference wraps past every bound.
  let at = index % ${s.whole * s.inner}u - start();
  if (at < ${s.part * s.inner}u) { y[index] = value[(index / ${s.whole * s.inner}u) * ${s.part * s.inner}u + at]; }
  else { y[index] = cache[index]; }
}
`;

/** y is the block of x. */
export const readSliceKernel = (s: RunTimeSlice): string => wgsl`
${startFunction(s)}
${linearMain(s.outer * s.part * s.inner)}
  y[index] = x[${place(s)}];
}
`;
