// Reduces some axes of x to one value for each position of the others.
//
// serial  one thread an output, nested loops over the reduced axes: no barrier, best on software adapters and where
//         there are enough outputs. Each loop has its own accumulator, so rounding errors grow with the longest axis only.
// tree    one workgroup an output: threads stride over the reduced positions, then halve in workgroup memory.
// slices  for few outputs of many values: one thread a slice of an output writes its part, and one of the others adds the parts.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain } from './lib/grid.wgsl.ts';
import { stridedOffset } from './lib/index.wgsl.ts';

/** Threads of one workgroup of the tree variant. */
export const TREE_WORKGROUP = 256;

export interface ReduceShape {
  /** The kept axes of x and their strides in x. */
  readonly kept: readonly number[];
  readonly keptStrides: readonly number[];
  /** The reduced axes of x and their strides in x. */
  readonly reduced: readonly number[];
  readonly reducedStrides: readonly number[];
  readonly type: string;
  /** WGSL expressions: the value of nothing, two values made one of `a` and `b`, and the result from `total`. */
  readonly identity: string;
  readonly combine: string;
  readonly finish: string;
  /** The type of y, where it is not the one that is computed in. */
  readonly stored?: string;
}

const size = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

const combineFunction = ({ type, combine, finish, stored = type }: ReduceShape) => wgsl`
fn combine(a: ${type}, b: ${type}) -> ${type} { return ${combine}; }
fn finish(total: ${type}) -> ${stored} { return ${stored}(${finish}); }
`;

/** Loops over axes `axis`… that leave their result in `total<axis>`. */
function loops(shape: ReduceShape, axis: number, offset: string): string {
  const { reduced, reducedStrides, type, identity } = shape;
  if (axis === reduced.length) return `let total${axis} = ${type}(x[${offset}]);`;
  return wgsl`
  var total${axis} = ${identity};
  for (var r${axis} = 0u; r${axis} < ${reduced[axis]}u; r${axis}++) {
    ${loops(shape, axis + 1, `${offset} + r${axis} * ${reducedStrides[axis]}u`)}
    total${axis} = combine(total${axis}, total${axis + 1});
  }`;
}

export const reduceSerialKernel = (shape: ReduceShape): string => wgsl`
${combineFunction(shape)}
${linearMain(size(shape.kept))}
  let base = ${stridedOffset('index', shape.kept, shape.keptStrides)};
  ${loops(shape, 0, 'base')}
  store_y(index, finish(total0));
}
`;

export const reduceTreeKernel = (shape: ReduceShape): string => wgsl`
${combineFunction(shape)}
var<workgroup> partial: array<${shape.type}, ${TREE_WORKGROUP}>;

@compute @workgroup_size(${TREE_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = group.y * groups.x + group.x;
  let base = ${stridedOffset('index', shape.kept, shape.keptStrides)};
  var total = ${shape.identity};
  if (index < ${size(shape.kept)}u) {
    for (var r = local; r < ${size(shape.reduced)}u; r += ${TREE_WORKGROUP}u) {
      total = combine(total, ${shape.type}(x[base + ${stridedOffset('r', shape.reduced, shape.reducedStrides)}]));
    }
  }
  partial[local] = total;
  for (var width = ${TREE_WORKGROUP / 2}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (local < width) { partial[local] = combine(partial[local], partial[local + width]); }
  }
  if (local == 0u && index < ${size(shape.kept)}u) { store_y(index, finish(partial[0])); }
}
`;

/** How the reduced positions are dealt out: slice i takes i, i + count, i + 2 · count … */
export interface ReduceSlices {
  readonly count: number;
  /** True when neighbouring threads have neighbouring outputs rather than slices: whichever lie side by side in x. */
  readonly outputsFirst: boolean;
}

/** Writes the parts, as they are before `finish`: [outputs, slices], or [slices, outputs] with `outputsFirst`. */
export function reduceSlicesKernel(shape: ReduceShape, { count, outputsFirst }: ReduceSlices): string {
  const outputs = size(shape.kept);
  const [output, slice] = outputsFirst
    ? [`index % ${outputs}u`, `index / ${outputs}u`]
    : [`index / ${count}u`, `index % ${count}u`];
  const read = (position: string) =>
    `${shape.type}(x[base + ${stridedOffset(position, shape.reduced, shape.reducedStrides)}])`;
  return wgsl`
fn combine(a: ${shape.type}, b: ${shape.type}) -> ${shape.type} { return ${shape.combine}; }
${linearMain(outputs * count)}
  let output = ${output};
  let base = ${stridedOffset('output', shape.kept, shape.keptStrides)};
  // Four sums side by side: one alone would wait for each addition before the next.
  ${[0, 1, 2, 3].map((i) => `var total${i} = ${shape.identity};`).join(' ')}
  var r = ${slice};
  for (; r + ${3 * count}u < ${size(shape.reduced)}u; r += ${4 * count}u) {
    ${[0, 1, 2, 3].map((i) => `total${i} = combine(total${i}, ${read(`(r + ${i * count}u)`)});`).join('\n    ')}
  }
  for (; r < ${size(shape.reduced)}u; r += ${count}u) { total0 = combine(total0, ${read('r')}); }
  parts[index] = combine(combine(total0, total1), combine(total2, total3));
}
`;
}
