// Max and average pooling over windows of NCHW planes, and their gradients.
//
// forward   one thread per output loops over its window. Also the second derivative of max: it reads another image, `h`, at
//           each window's largest position.
// backward  one thread per input loops over the windows that contain it: a gather, so no atomics are needed. For max, each
//           window's first largest position is searched again rather than stored. If the windows tile the image, one thread
//           per window writes all of its inputs instead, so that each window is searched once.
// On software adapters a thread computes several outputs (or inputs), a workgroup's width apart.
// Values are stored as `type`, f32 or f16; the computation is in f32.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, perThread, type Capabilities, type Kernel } from '../../src/core/kernel.ts';
import { reads, stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearLoop, linearMain } from '../lib/grid.wgsl.ts';

export interface Pool2dShape {
  /** Batch times channels. */
  readonly planes: number;
  readonly image: readonly [number, number];
  readonly output: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** The windows split the image into `output` parts of nearly equal size; kernel, stride and padding are ignored. */
  readonly adaptive: boolean;
  /** Averages count the padding inside a window as zeros. */
  readonly countIncludePad: boolean;
  /** The last window may extend past the padded image. */
  readonly ceilMode: boolean;
  readonly type: 'f32' | 'f16';
}

/** Declares, for a window along an axis, `from_NAME` (which wraps if it begins in the padding) and `count_NAME`. */
const span = ({ image, output, kernel, stride, padding, adaptive }: Pool2dShape, axis: 0 | 1, name: string) =>
  adaptive
    ? wgsl`let from_${name} = out_${name} * ${image[axis]}u / ${output[axis]}u;
  let count_${name} = ((out_${name} + 1u) * ${image[axis]}u + ${output[axis] - 1}u) / ${output[axis]}u - from_${name};`
    : wgsl`let from_${name} = out_${name} * ${stride[axis]}u - ${padding[axis]}u;
  let count_${name} = ${kernel[axis]}u;`;

/** True if no window extends past the image. */
const inside = ({ adaptive, ceilMode, padding }: Pool2dShape): boolean =>
  adaptive || (!ceilMode && padding.every((size) => size === 0));

/** Largest number of positions in a window that is unrolled. */
const FEW_PLACES = 9;

/** Loops over a window: `statement` may use `at`, an offset in the image. Needs `plane`, `out_row` and `out_column`. */
const forEachPosition = (s: Pool2dShape, statement: string) =>
  inside(s) && !s.adaptive && s.kernel[0] * s.kernel[1] <= FEW_PLACES
    ? forFewPositions(s, statement)
    : forPositions(s, statement);

/** The loop unrolled, since not every compiler does so for few positions: SwiftShader does not. */
function forFewPositions(s: Pool2dShape, statement: string): string {
  const along = (axis: 0 | 1) => Array.from({ length: s.kernel[axis] }, (_, i) => i * s.dilation[axis]);
  const offsets = along(0).flatMap((row) => along(1).map((column) => row * s.image[1] + column));
  return wgsl`
  let corner = (plane * ${s.image[0]}u + out_row * ${s.stride[0]}u) * ${s.image[1]}u + out_column * ${s.stride[1]}u;
  ${offsets.map((offset) => `{ let at = corner + ${offset}u; ${statement} }`).join('\n  ')}
`;
}

const forPositions = (s: Pool2dShape, statement: string) => wgsl`
  ${span(s, 0, 'row')}
  ${span(s, 1, 'column')}
  for (var ky = 0u; ky < count_row; ky++) {
    let row = from_row + ky * ${s.dilation[0]}u;
#if ${!inside(s)}
    if (row >= ${s.image[0]}u) { continue; }
#endif
    for (var kx = 0u; kx < count_column; kx++) {
      let column = from_column + kx * ${s.dilation[1]}u;
#if ${!inside(s)}
      if (column >= ${s.image[1]}u) { continue; }
#endif
      let at = (plane * ${s.image[0]}u + row) * ${s.image[1]}u + column;
      ${statement}
    }
  }
`;

/** The largest value of a window and, as in torch, its first position. Padding is never chosen. */
const maxOfWindow = (s: Pool2dShape) => wgsl`
struct Largest { value: f32, at: u32 }
fn max_of_window(plane: u32, out_row: u32, out_column: u32) -> Largest {
  var largest = Largest(-3.4028234663852886e38f, 0xffffffffu);
  ${forEachPosition(s, 'if (f32(x[at]) > largest.value || largest.at == 0xffffffffu) { largest = Largest(f32(x[at]), at); }')}
  return largest;
}
`;

/** True if every window's average is over all positions of the window. */
const evenAverages = ({ adaptive, ceilMode, countIncludePad, padding }: Pool2dShape): boolean =>
  !adaptive && !ceilMode && (countIncludePad || (padding[0] === 0 && padding[1] === 0));

/** The number of values over which a window's average is taken. */
function averageCount(s: Pool2dShape): string {
  // Positions are counted from the start of the padding, so that no difference is negative.
  const along = (axis: 0 | 1, name: string) => {
    if (s.adaptive) return wgsl`${span(s, axis, name)} let size_${name} = count_${name};`;
    const [first, end] = s.countIncludePad
      ? [0, s.image[axis] + 2 * s.padding[axis]]
      : [s.padding[axis], s.padding[axis] + s.image[axis]];
    const from = `out_${name} * ${s.stride[axis]}u`;
    return wgsl`let size_${name} = min(${from} + ${s.kernel[axis]}u, ${end}u) - max(${from}, ${first}u);`;
  };
  return wgsl`
fn average_count(out_row: u32, out_column: u32) -> f32 {
  ${along(0, 'row')}
  ${along(1, 'column')}
  return f32(size_row * size_column);
}
`;
}

const outputsOf = ({ planes, output }: Pool2dShape) => planes * output[0] * output[1];

const outputPosition = ({ output: [outHeight, outWidth] }: Pool2dShape) => wgsl`
  let out_column = index % ${outWidth}u;
  let out_row = (index / ${outWidth}u) % ${outHeight}u;
  let plane = index / ${outHeight * outWidth}u;
`;

/** The bindings, functions and body of a kernel with one thread per position. */
interface Parts {
  readonly inputs: readonly string[];
  readonly output: 'y' | 'dx';
  readonly functions?: string;
  readonly statements: string;
}

/** The kernel `OP.gather`: its positions are those of its output, one per window in y, one per input in dx. */
function gather(op: string, s: Pool2dShape, capabilities: Capabilities, parts: Parts): Kernel {
  const { inputs, output, functions = '', statements } = parts;
  const count = output === 'y' ? outputsOf(s) : s.planes * s.image[0] * s.image[1];
  const each = perThread(count, LINEAR_WORKGROUP, capabilities);
  return {
    name: `${op}.gather`,
    inputs: reads(s.type, ...inputs),
    outputs: [stores(output, s.type)],
    workgroups: linearGrid(Math.ceil(count / each), LINEAR_WORKGROUP),
    wgsl: wgsl`
${functions}
${linearLoop(count, each, statements)}
`,
  };
}

export function maxPool2dGather(s: Pool2dShape, capabilities: Capabilities): Kernel {
  const statements = wgsl`
  ${outputPosition(s)}
  store_y(index, ${s.type}(max_of_window(plane, out_row, out_column).value));
`;
  return gather('maxPool2d', s, capabilities, { inputs: ['x'], output: 'y', functions: maxOfWindow(s), statements });
}

/** The value of h at each window's largest position in x. */
export function maxPool2dPickGather(s: Pool2dShape, capabilities: Capabilities): Kernel {
  const statements = wgsl`
  ${outputPosition(s)}
  store_y(index, h[max_of_window(plane, out_row, out_column).at]);
`;
  const parts = { inputs: ['h', 'x'], output: 'y', functions: maxOfWindow(s), statements } as const;
  return gather('maxPool2dPick', s, capabilities, parts);
}

export function avgPool2dGather(s: Pool2dShape, capabilities: Capabilities): Kernel {
  const functions = evenAverages(s) ? '' : averageCount(s);
  const count = evenAverages(s) ? `${s.kernel[0] * s.kernel[1]}.0` : 'average_count(out_row, out_column)';
  const statements = wgsl`
  ${outputPosition(s)}
  var total = 0.0;
  ${forEachPosition(s, 'total += f32(x[at]);')}
  store_y(index, ${s.type}(total / ${count}));
`;
  return gather('avgPool2d', s, capabilities, { inputs: ['x'], output: 'y', functions, statements });
}

/** The windows along one axis that contain the input `NAME`: `first_NAME` to `last_NAME`. */
function windowsOf(s: Pool2dShape, axis: 0 | 1, name: string): string {
  const [image, output] = [s.image[axis], s.output[axis]];
  if (s.adaptive) {
    return wgsl`let first_${name} = ${name} * ${output}u / ${image}u;
  let last_${name} = ((${name} + 1u) * ${output}u + ${image - 1}u) / ${image}u - 1u;`;
  }
  const reach = s.dilation[axis] * (s.kernel[axis] - 1) + 1;
  return wgsl`let padded_${name} = ${name} + ${s.padding[axis]}u;
  let first_${name} = select(0u, (padded_${name} - ${reach}u) / ${s.stride[axis]}u + 1u, padded_${name} >= ${reach}u);
  let last_${name} = min(padded_${name} / ${s.stride[axis]}u, ${output - 1}u);`;
}

/** For an input: adds `value` for each window that contains it (see `windowsOf`), and stores `result` of `total`. */
function sumOfWindows(s: Pool2dShape, value: string, result: string): string {
  const outIndex = `(plane * ${s.output[0]}u + out_row) * ${s.output[1]}u + out_column`;
  return wgsl`
  let column = index % ${s.image[1]}u;
  let row = (index / ${s.image[1]}u) % ${s.image[0]}u;
  let plane = index / ${s.image[0] * s.image[1]}u;
#if ${tiles(s)}
  let out_row = row / ${s.kernel[0]}u;
  let out_column = column / ${s.kernel[1]}u;
  let out_index = ${outIndex};
  let total = ${value};
#else
  ${windowsOf(s, 0, 'row')}
  ${windowsOf(s, 1, 'column')}
  var total = 0.0;
  for (var out_row = first_row; out_row <= last_row; out_row++) {
    for (var out_column = first_column; out_column <= last_column; out_column++) {
      let out_index = ${outIndex};
      total += ${value};
    }
  }
#endif
  store_dx(index, ${s.type}(${result}));
`;
}

export function maxPool2dGradGather(s: Pool2dShape, capabilities: Capabilities): Kernel {
  const value = 'select(0.0, f32(g[out_index]), max_of_window(plane, out_row, out_column).at == index)';
  const statements = sumOfWindows(s, value, 'total');
  const parts = { inputs: ['g', 'x'], output: 'dx', functions: maxOfWindow(s), statements } as const;
  return gather('maxPool2dGrad', s, capabilities, parts);
}

/** For windows that tile the image: see `tiles`. */
export const maxPool2dGradTiled = (s: Pool2dShape): Kernel => ({
  name: 'maxPool2dGrad.tiled',
  inputs: reads(s.type, 'g', 'x'),
  outputs: [stores('dx', s.type)],
  workgroups: linearGrid(outputsOf(s), LINEAR_WORKGROUP),
  wgsl: wgsl`
${maxOfWindow(s)}
${linearMain(outputsOf(s))}
  ${outputPosition(s)}
  let largest = max_of_window(plane, out_row, out_column).at;
  for (var ky = 0u; ky < ${s.kernel[0]}u; ky++) {
    for (var kx = 0u; kx < ${s.kernel[1]}u; kx++) {
      let at = (plane * ${s.image[0]}u + out_row * ${s.kernel[0]}u + ky) * ${s.image[1]}u + out_column * ${s.kernel[1]}u + kx;
      store_dx(at, select(${s.type}(0.0), g[index], at == largest));
    }
  }
}
`,
});

export function avgPool2dGradGather(s: Pool2dShape, capabilities: Capabilities): Kernel {
  const parts = evenAverages(s)
    ? { statements: sumOfWindows(s, 'f32(g[out_index])', `total / ${s.kernel[0] * s.kernel[1]}.0`) }
    : {
        functions: averageCount(s),
        statements: sumOfWindows(s, 'f32(g[out_index]) / average_count(out_row, out_column)', 'total'),
      };
  return gather('avgPool2dGrad', s, capabilities, { inputs: ['g'], output: 'dx', ...parts });
}

/** True if each input belongs to exactly one window. */
export const tiles = ({ image, kernel, stride, padding, dilation, adaptive }: Pool2dShape): boolean =>
  !adaptive &&
  [0, 1].every(
    (axis) =>
      stride[axis] === kernel[axis] && padding[axis] === 0 && dilation[axis] === 1 && image[axis] % kernel[axis] === 0,
  );
