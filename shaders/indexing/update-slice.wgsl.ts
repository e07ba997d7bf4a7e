// A block along one axis at a position known only when the kernel runs: written into a tensor, or read from one.
//
// Thread map: one thread per element that is written. No barrier: one variant for all.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type ElementType, type Kernel } from '../../src/core/kernel.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';

/** A tensor seen as [outer, whole, inner], and the `part` of its middle axis that is written or read. */
export interface RunTimeSlice {
  readonly outer: number;
  readonly whole: number;
  readonly part: number;
  readonly inner: number;
  /** Types of the values, and of the buffer `position`. */
  readonly type: ElementType;
  readonly position: 'i32' | 'u32';
  /** Whether nothing is written if the block would extend past either end. */
  readonly onlyInside: boolean;
}

const position = (s: RunTimeSlice) => ({ name: 'position', type: s.position });

/** Offset of the block within one outer index, clamped so that it fits. */
const startFunction = ({ whole, part, inner, position }: RunTimeSlice) => wgsl`
fn start() -> u32 {
#if ${position === 'i32'}
  return u32(clamp(position[0], 0, ${whole - part})) * ${inner}u;
#else
  return min(position[0], ${whole - part}u) * ${inner}u;
#endif
}
`;

/** Offset of element `index` of the block in the whole tensor. */
const place = ({ whole, part, inner }: RunTimeSlice) =>
  `(index / ${part * inner}u) * ${whole * inner}u + start() + index % ${part * inner}u`;

/** Whether the block is inside; a negative position wraps and is out of bounds. */
const inside = ({ whole, part }: RunTimeSlice) => `u32(position[0]) <= ${whole - part}u`;

/** In place: writes the block from value; y already holds the rest. */
export const writeSlice = (s: RunTimeSlice): Kernel => ({
  name: 'updateSlice.inPlace',
  inputs: [{ name: 'value', type: s.type }, position(s), null],
  outputs: [{ name: 'y', type: s.type }],
  workgroups: linearGrid(s.outer * s.part * s.inner, LINEAR_WORKGROUP),
  wgsl: wgsl`
${startFunction(s)}
${linearMain(s.outer * s.part * s.inner)}
#if ${s.onlyInside}
  if (!(${inside(s)})) { return; }
#endif
  y[${s.part * s.inner > 0 ? place(s) : 'index'}] = value[index];
}
`,
});

/** Writes all of y: the block from value, the rest from cache. */
export const copyAndWriteSlice = (s: RunTimeSlice): Kernel => ({
  name: 'updateSlice.copy',
  inputs: [{ name: 'value', type: s.type }, position(s), { name: 'cache', type: s.type }],
  outputs: [{ name: 'y', type: s.type }],
  workgroups: linearGrid(s.outer * s.whole * s.inner, LINEAR_WORKGROUP),
  wgsl: wgsl`
${startFunction(s)}
${linearMain(s.outer * s.whole * s.inner)}
  // Before the block the difference wraps and is out of bounds.
  let at = index % ${s.whole * s.inner}u - start();
  if (at < ${s.part * s.inner}u${s.onlyInside ? ` && ${inside(s)}` : ''}) { y[index] = value[(index / ${s.whole * s.inner}u) * ${s.part * s.inner}u + at]; }
  else { y[index] = cache[index]; }
}
`,
});

/** Copies the block of x to y. */
export const readSlice = (s: RunTimeSlice): Kernel => ({
  name: 'dynamicSlice.copy',
  inputs: [{ name: 'x', type: s.type }, position(s)],
  outputs: [{ name: 'y', type: s.type }],
  workgroups: linearGrid(s.outer * s.part * s.inner, LINEAR_WORKGROUP),
  wgsl: wgsl`
${startFunction(s)}
${linearMain(s.outer * s.part * s.inner)}
  y[index] = x[${place(s)}];
}
`,
});
