// Resizes images: each output is a weighted sum of rows and columns listed in tables.
//
// row_index, row_weight        [outHeight, rowTaps]: the source rows of an output row; an index past the image ends the list
// column_index, column_weight  the same for columns; an axis without a table keeps its size
// Thread map: one thread per output; neighbours read neighbouring columns. No barrier: one variant for all.
// The gradient is the same with transposed tables.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Kernel } from '../../src/core/kernel.ts';
import { stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';

export interface Resample2dShape {
  readonly planes: number;
  readonly image: readonly [number, number];
  readonly output: readonly [number, number];
  /** Entries per list for each axis; null for an axis that keeps its size. */
  readonly taps: readonly [number | null, number | null];
  readonly type: 'f32' | 'f16';
}

/** Loops over the taps of one axis: `body` may use `at_NAME` and `weight_NAME`. */
function forEachTap(name: string, size: number, taps: number | null, body: string): string {
  if (taps === null) return wgsl`{ let at_${name} = ${name}; let weight_${name} = 1.0; ${body} }`;
  return wgsl`
  for (var tap_${name} = ${name} * ${taps}u; tap_${name} < (${name} + 1u) * ${taps}u; tap_${name}++) {
    let at_${name} = ${name}_index[tap_${name}];
    if (at_${name} >= ${size}u) { break; }
    let weight_${name} = ${name}_weight[tap_${name}];
    ${body}
  }`;
}

/** The tables of an axis: source indices and weights. */
const tables = (name: string, taps: number | null): Binding[] =>
  taps === null ? [] : [{ name: `${name}_index`, type: 'u32' }, { name: `${name}_weight`, type: 'f32' }]; // prettier-ignore

export function resample2dGather({ planes, image, output, taps, type }: Resample2dShape): Kernel {
  const value = `f32(x[(plane * ${image[0]}u + at_row) * ${image[1]}u + at_column])`;
  const sumRow = wgsl`var along = 0.0;
    ${forEachTap('column', image[1], taps[1], `along += weight_column * ${value};`)}
    total += weight_row * along;`;
  const text = wgsl`
${linearMain(planes * output[0] * output[1])}
  let column = index % ${output[1]}u;
  let row = (index / ${output[1]}u) % ${output[0]}u;
  let plane = index / ${output[0] * output[1]}u;
  var total = 0.0;
  ${forEachTap('row', image[0], taps[0], sumRow)}
  store_y(index, ${type}(total));
}
`;
  return {
    name: 'resample2d.gather',
    inputs: [{ name: 'x', type }, ...tables('row', taps[0]), ...tables('column', taps[1])],
    outputs: [stores('y', type)],
    workgroups: linearGrid(planes * output[0] * output[1], LINEAR_WORKGROUP),
    wgsl: text,
  };
}
