// Pads x with its own values: mirrored, repeated from the edge, or from the opposite side.
//
// forward   one thread per element of y, which reads its source in x.
// gradient  one thread per element of x, which sums the gradients of all elements that have it as source: on each padded axis,
//           it checks its own position and every position of both margins. Margins are short, and no atomics are needed.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type ElementType, type Kernel } from '../../src/core/kernel.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';

export type PadEdgesMode = 'reflect' | 'replicate' | 'circular';

export interface PadEdgesAxis {
  readonly size: number;
  readonly before: number;
  readonly after: number;
}

/** The position in x of each padded axis for a position in y: source_AXIS. */
const sources = (axes: readonly PadEdgesAxis[], mode: PadEdgesMode) =>
  axes
    .map(({ size, before, after }, axis) =>
      before + after === 0
        ? ''
        : wgsl`
fn source_${axis}(place: u32) -> u32 {
  let at = i32(place) - ${before};
#if ${mode === 'reflect'}
  return u32(select(abs(at), ${2 * (size - 1)} - at, at >= ${size}));
#elif ${mode === 'replicate'}
  return u32(clamp(at, 0, ${size - 1}));
#else
  return u32(at + ${size}) % ${size}u;
#endif
}`,
    )
    .join('');

const padded = ({ size, before, after }: PadEdgesAxis) => before + size + after;

/** Coordinates of a row-major `index` in `sizes`: NAME_AXIS. */
const coordinates = (name: string, sizes: readonly number[]) =>
  sizes
    .map((size, axis) => `let ${name}_${axis} = (index / ${sizeOf(sizes.slice(axis + 1))}u) % ${size}u;`)
    .join('\n  ');

export function padEdgesGather(axes: readonly PadEdgesAxis[], mode: PadEdgesMode, type: ElementType): Kernel {
  const sizes = axes.map(({ size }) => size);
  const at = axes.map(({ before, after }, axis) => {
    const place = before + after > 0 ? `source_${axis}(out_${axis})` : `out_${axis}`;
    return `${place} * ${sizeOf(sizes.slice(axis + 1))}u`;
  });
  const count = sizeOf(axes.map(padded));
  const text = wgsl`
${sources(axes, mode)}
${linearMain(count)}
  ${coordinates('out', axes.map(padded))}
  y[index] = x[${at.join(' + ') || '0u'}];
}
`;
  return {
    name: 'padEdges.gather',
    inputs: [{ name: 'x', type }],
    outputs: [{ name: 'y', type }],
    workgroups: linearGrid(count, LINEAR_WORKGROUP),
    wgsl: text,
  };
}

export function padEdgesGradGather(axes: readonly PadEdgesAxis[], mode: PadEdgesMode, type: ElementType): Kernel {
  const outputs = axes.map(padded);
  const strides = outputs.map((_, axis) => sizeOf(outputs.slice(axis + 1)));
  const place = ({ before, after }: PadEdgesAxis, axis: number) =>
    before + after > 0 ? `place_${axis}` : `in_${axis}`;
  let body = `total += f32(g[${axes.map((axis, i) => `${place(axis, i)} * ${strides[i]}u`).join(' + ') || '0u'}]);`;
  axes.forEach(({ size, before, after }, axis) => {
    if (before + after === 0) return;
    // Candidate 0 is the element's own position; both margins follow.
    body = wgsl`
  for (var candidate_${axis} = 0u; candidate_${axis} <= ${before + after}u; candidate_${axis}++) {
    let margin_${axis} = candidate_${axis} - 1u + select(0u, ${size}u, candidate_${axis} > ${before}u);
    let place_${axis} = select(margin_${axis}, in_${axis} + ${before}u, candidate_${axis} == 0u);
    if (source_${axis}(place_${axis}) != in_${axis}) { continue; }
    ${body}
  }`;
  });
  const count = sizeOf(axes.map(({ size }) => size));
  const text = wgsl`
${sources(axes, mode)}
${linearMain(count)}
  ${coordinates(
    'in',
    axes.map(({ size }) => size),
  )}
  var total = 0.0;
  ${body}
  store_dx(index, ${type}(total));
}
`;
  return {
    name: 'padEdgesGrad.gather',
    inputs: [{ name: 'g', type }],
    outputs: [{ name: 'dx', type, store: true }],
    workgroups: linearGrid(count, LINEAR_WORKGROUP),
    wgsl: text,
  };
}
