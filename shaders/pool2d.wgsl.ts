// Max and average pooling over windows of NCHW planes, and their gradients.
//
// forward   one thread an output, a loop over its window.
// backward  one thread an input, a loop over the windows that hold it: a gather, so no two threads write one place. For max
//           each window's first largest position is found again rather than stored. Where the windows tile the image one
//           thread a window writes all of its inputs instead, so that each window is searched once.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './lib/grid.wgsl.ts';

export interface Pool2dShape {
  /** Batch times channels. */
  readonly planes: number;
  readonly image: readonly [number, number];
  readonly output: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

/** The largest value of a window and, as in torch, its first position. Padding is never chosen. */
const maxOfWindow = ({ image: [height, width], kernel, stride, padding }: Pool2dShape) => wgsl`
struct Largest { value: f32, at: u32 }
fn max_of_window(plane: u32, out_row: u32, out_column: u32) -> Largest {
  var largest = Largest(-3.4028234663852886e38f, 0xffffffffu);
  for (var ky = 0u; ky < ${kernel[0]}u; ky++) {
    let row = out_row * ${stride[0]}u + ky - ${padding[0]}u;
    if (row >= ${height}u) { continue; }
    for (var kx = 0u; kx < ${kernel[1]}u; kx++) {
      let column = out_column * ${stride[1]}u + kx - ${padding[1]}u;
      if (column >= ${width}u) { continue; }
      let at = (plane * ${height}u + row) * ${width}u + column;
      if (x[at] > largest.value || largest.at == 0xffffffffu) { largest = Largest(x[at], at); }
    }
  }
  return largest;
}
`;

const outputPosition = ({ output: [outHeight, outWidth] }: Pool2dShape) => wgsl`
  let out_column = index % ${outWidth}u;
  let out_row = (index / ${outWidth}u) % ${outHeight}u;
  let plane = index / ${outHeight * outWidth}u;
`;

export const maxPool2dKernel = (s: Pool2dShape): string => wgsl`
${maxOfWindow(s)}
${linearMain(s.planes * s.output[0] * s.output[1])}
  ${outputPosition(s)}
  store_y(index, max_of_window(plane, out_row, out_column).value);
}
`;

export const avgPool2dKernel = (s: Pool2dShape): string => wgsl`
${linearMain(s.planes * s.output[0] * s.output[1])}
  ${outputPosition(s)}
  var total = 0.0;
  for (var ky = 0u; ky < ${s.kernel[0]}u; ky++) {
    let row = out_row * ${s.stride[0]}u + ky - ${s.padding[0]}u;
    if (row >= ${s.image[0]}u) { continue; }
    for (var kx = 0u; kx < ${s.kernel[1]}u; kx++) {
      let column = out_column * ${s.stride[1]}u + kx - ${s.padding[1]}u;
      if (column >= ${s.image[1]}u) { continue; }
      total += x[(plane * ${s.image[0]}u + row) * ${s.image[1]}u + column];
    }
  }
  store_y(index, total / ${s.kernel[0] * s.kernel[1]}.0);
}
`;

/** Visits the windows that hold input \`index\`: \`statement\` sees plane, out_row and out_column. */
const forEachWindow = (
  { image: [height, width], output, kernel, stride, padding }: Pool2dShape,
  statement: string,
) => wgsl`
  let padded_column = index % ${width}u + ${padding[1]}u;
  let padded_row = (index / ${width}u) % ${height}u + ${padding[0]}u;
  let plane = index / ${height * width}u;
  let first_row = select(0u, (padded_row - ${kernel[0]}u) / ${stride[0]}u + 1u, padded_row >= ${kernel[0]}u);
  let first_column = select(0u, (padded_column - ${kernel[1]}u) / ${stride[1]}u + 1u, padded_column >= ${kernel[1]}u);
  var total = 0.0;
  for (var out_row = first_row; out_row <= min(padded_row / ${stride[0]}u, ${output[0] - 1}u); out_row++) {
    for (var out_column = first_column; out_column <= min(padded_column / ${stride[1]}u, ${output[1] - 1}u); out_column++) {
      let out_index = (plane * ${output[0]}u + out_row) * ${output[1]}u + out_column;
      ${statement}
    }
  }
`;

export const maxPool2dGradKernel = (s: Pool2dShape): string => wgsl`
${maxOfWindow(s)}
${linearMain(s.planes * s.image[0] * s.image[1])}
  ${forEachWindow(s, 'if (max_of_window(plane, out_row, out_column).at == index) { total += g[out_index]; }')}
  store_dx(index, total);
}
`;

/** For windows that tile the image: see `tiles`. */
export const maxPool2dGradTiledKernel = (s: Pool2dShape): string => wgsl`
${maxOfWindow(s)}
${linearMain(s.planes * s.output[0] * s.output[1])}
  ${outputPosition(s)}
  let largest = max_of_window(plane, out_row, out_column).at;
  for (var ky = 0u; ky < ${s.kernel[0]}u; ky++) {
    for (var kx = 0u; kx < ${s.kernel[1]}u; kx++) {
      let at = (plane * ${s.image[0]}u + out_row * ${s.kernel[0]}u + ky) * ${s.image[1]}u + out_column * ${s.kernel[1]}u + kx;
      store_dx(at, select(0.0, g[index], at == largest));
    }
  }
}
`;

/** True when each input belongs to exactly one window. */
export const tiles = ({ image, kernel, stride, padding }: Pool2dShape): boolean =>
  [0, 1].every((axis) => stride[axis] === kernel[axis] && padding[axis] === 0 && image[axis] % kernel[axis] === 0);

export const avgPool2dGradKernel = (s: Pool2dShape): string => wgsl`
${linearMain(s.planes * s.image[0] * s.image[1])}
  ${forEachWindow(s, 'total += g[out_index];')}
  store_dx(index, total / ${s.kernel[0] * s.kernel[1]}.0);
}
`;
