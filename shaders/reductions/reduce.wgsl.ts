// Reduces some axes of x to one value for each position of the others.
//
// serial  one thread an output, nested loops over the reduced axes: no barrier, best on software adapters and where
//         there are enough outputs. Each loop has its own accumulator, and long ones have two,
//         so rounding errors grow with the longest axis' blocks only.
// tree    one workgroup an output: threads stride over the reduced positions, then halve in workgroup memory; `subgroup` the
//         same with subgroups (lib/group-reduce.wgsl.ts).
// slices  for few outputs of many values: one thread a slice of an output writes its part, and one of the others adds the parts.
//
// Each reads x in fours where neighbours are reduced (`along`: they are combined at the end) or kept (`across`: a thread has four
// outputs): a vec4 costs hardly more than a number.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearMain, turns } from '../lib/grid.wgsl.ts';
import { groupReduce, groupScratch, type Combine, type GroupReduceBy } from '../lib/group-reduce.wgsl.ts';
import { stridedOffset } from '../lib/index.wgsl.ts';

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
  /** WGSL expressions: the value of nothing, two values (or vec4s) made one of `a` and `b`, and the result from `total`. */
  readonly identity: string;
  readonly combine: Combine;
  readonly finish: string;
  /** The type of y, where it is not the one that is computed in. */
  readonly stored?: string;
  /** Present where x is bound as vec4s, in which all shapes and strides are counted; see `reduceInFours`. */
  readonly fours?: 'along' | 'across';
}

/** The same reduction with x read as vec4s along its innermost axis, where there are only whole ones. */
export function reduceInFours(s: ReduceShape): ReduceShape {
  const fits = (shape: readonly number[], strides: readonly number[], others: readonly number[]) =>
    strides.at(-1) === 1 &&
    shape.at(-1)! % 4 === 0 &&
    [...strides.slice(0, -1), ...others].every((stride) => stride % 4 === 0);
  const quarter = (values: readonly number[]) => values.map((value) => value / 4);
  const last = (values: readonly number[], value: number) => values.with(-1, value);
  if (fits(s.reduced, s.reducedStrides, s.keptStrides)) {
    return {
      ...s,
      keptStrides: quarter(s.keptStrides),
      reduced: last(s.reduced, s.reduced.at(-1)! / 4),
      reducedStrides: last(quarter(s.reducedStrides), 1),
      fours: 'along',
    };
  }
  if (!fits(s.kept, s.keptStrides, s.reducedStrides)) return s;
  return {
    ...s,
    kept: last(s.kept, s.kept.at(-1)! / 4),
    keptStrides: last(quarter(s.keptStrides), 1),
    reducedStrides: quarter(s.reducedStrides),
    fours: 'across',
  };
}

const size = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

/** The type of what accumulates. */
const totalType = ({ type, fours }: ReduceShape) => (fours ? `vec4<${type}>` : type);

/** `combine` for totals and `pair` for single values. */
const combineFunctions = (s: ReduceShape) => wgsl`
fn combine(a: ${totalType(s)}, b: ${totalType(s)}) -> ${totalType(s)} { return ${s.combine}; }
fn pair(a: ${s.type}, b: ${s.type}) -> ${s.type} { return ${s.combine}; }
`;

const finishFunction = ({ type, finish, stored = type }: ReduceShape) => wgsl`
fn finish(total: ${type}) -> ${stored} { return ${stored}(${finish}); }
`;

/** What a total is at the end: one value of four that lie along the reduced axes. */
const folded = ({ fours }: ReduceShape, total: string) =>
  fours === 'along' ? `pair(pair(${total}.x, ${total}.y), pair(${total}.z, ${total}.w))` : total;

/** Values that are combined one after the other before the result is combined with others: rounding errors grow with either number. */
const BLOCK = 32;

/** Loops over axes `axis`… that leave their result in `total<axis>`. */
function loops(shape: ReduceShape, axis: number, offset: string): string {
  const { reduced, reducedStrides, identity } = shape;
  if (axis === reduced.length) return `let total${axis} = ${totalType(shape)}(x[${offset}]);`;
  const start = `${totalType(shape)}(${identity})`;
  if (reduced[axis] > 2 * BLOCK) {
    return wgsl`
  var total${axis} = ${start};
  for (var block${axis} = 0u; block${axis} < ${reduced[axis]}u; block${axis} += ${BLOCK}u) {
    var part${axis} = ${start};
    for (var r${axis} = block${axis}; r${axis} < min(block${axis} + ${BLOCK}u * once, ${reduced[axis]}u); r${axis}++) {
      ${loops(shape, axis + 1, `${offset} + r${axis} * ${reducedStrides[axis]}u`)}
      part${axis} = combine(part${axis}, total${axis + 1});
    }
    total${axis} = combine(total${axis}, part${axis});
  }`;
  }
  return wgsl`
  var total${axis} = ${start};
  for (var r${axis} = 0u; r${axis} < ${turns(reduced[axis])}; r${axis}++) {
    ${loops(shape, axis + 1, `${offset} + r${axis} * ${reducedStrides[axis]}u`)}
    total${axis} = combine(total${axis}, total${axis + 1});
  }`;
}

export const reduceSerialKernel = (shape: ReduceShape): string => wgsl`
${combineFunctions(shape)}
${finishFunction(shape)}
${linearMain(size(shape.kept))}
  let base = ${stridedOffset('index', shape.kept, shape.keptStrides)};
  ${loops(shape, 0, 'base')}
#if ${shape.fours === 'across'}
  ${[0, 1, 2, 3].map((i) => `store_y(index * 4u + ${i}u, finish(total0[${i}]));`).join(' ')}
#else
  store_y(index, finish(${folded(shape, 'total0')}));
#endif
}
`;

/** Neighbours may lie along the reduced axes, not across them. */
export function reduceTreeKernel(shape: ReduceShape, by: GroupReduceBy): string {
  const { type, combine, identity } = shape;
  const group = { name: 'group_total', type, threads: TREE_WORKGROUP, combine, identity, once: true };
  return wgsl`
${combineFunctions(shape)}
${finishFunction(shape)}
${groupScratch(group)}
${groupReduce(group, by)}
@compute @workgroup_size(${TREE_WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let index = group.y * groups.x + group.x;
  let base = ${stridedOffset('index', shape.kept, shape.keptStrides)};
  var total = ${totalType(shape)}(${identity});
  if (index < ${size(shape.kept)}u) {
    for (var r = local; r < ${size(shape.reduced)}u; r += ${TREE_WORKGROUP}u) {
      total = combine(total, ${totalType(shape)}(x[base + ${stridedOffset('r', shape.reduced, shape.reducedStrides)}]));
    }
  }
  let reduced = group_total(local, ${folded(shape, 'total')});
  if (local == 0u && index < ${size(shape.kept)}u) { store_y(index, finish(reduced)); }
}
`;
}

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
    `${totalType(shape)}(x[base + ${stridedOffset(position, shape.reduced, shape.reducedStrides)}])`;
  // Several sums side by side: one alone would wait for each addition before the next.
  const chains = [0, 1, 2, 3];
  const joined = chains.map((i) => `total${i}`).reduce((a, b) => `combine(${a}, ${b})`);
  return wgsl`
${combineFunctions(shape)}
${linearMain(outputs * count)}
  let output = ${output};
  let base = ${stridedOffset('output', shape.kept, shape.keptStrides)};
  ${chains.map((i) => `var total${i} = ${totalType(shape)}(${shape.identity});`).join(' ')}
  var r = ${slice};
  for (; r + ${(chains.length - 1) * count}u < ${size(shape.reduced)}u; r += ${chains.length * count}u) {
    ${chains.map((i) => `total${i} = combine(total${i}, ${read(`(r + ${i * count}u)`)});`).join('\n    ')}
  }
  for (; r < ${size(shape.reduced)}u; r += ${count}u) { total0 = combine(total0, ${read('r')}); }
  let total = ${joined};
  parts[index] = ${folded(shape, 'total')};
}
`;
}
