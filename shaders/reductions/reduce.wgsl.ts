// Reduces some axes of x to one value for each position of the others.
//
// serial  one thread per output, nested loops over the reduced axes: no barrier, best on software adapters and if there are
//         enough outputs. Each loop has its own accumulator, and long ones have two, so that rounding errors grow only with
//         the longest axis' blocks.
// tree    one workgroup per output: threads stride over the reduced positions, then reduce in workgroup memory; `subgroup`
//         does this with subgroups (lib/group-reduce.wgsl.ts).
// splits  for few outputs of many values: each thread reduces a part of an output's values, and `serial` or `tree` reduces
//         these partial results.
//
// Each reads x as vec4s if neighbours are reduced (`along`: they are combined at the end) or kept (`across`: a thread has four
// outputs): a vec4 costs hardly more than a scalar.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { elements, stores } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';
import { groupReduce, groupScratch, type Combine, type GroupReduceBy } from '../lib/group-reduce.wgsl.ts';
import { stridedOffset } from '../lib/index.wgsl.ts';

/** Threads per workgroup of the tree variant. */
const TREE_WORKGROUP = 256;

type Element = 'f32' | 'f16' | 'i32' | 'u32';

export interface ReduceShape {
  /** The op's name. */
  readonly op: string;
  /** The kept axes of x and their strides in x. */
  readonly kept: readonly number[];
  readonly keptStrides: readonly number[];
  /** The reduced axes of x and their strides in x. */
  readonly reduced: readonly number[];
  readonly reducedStrides: readonly number[];
  /** The accumulator's type, and those of x and y. */
  readonly type: 'f32' | 'i32' | 'u32';
  readonly given: Element;
  readonly stored: Element;
  /** WGSL expressions: the neutral element, the combination of `a` and `b` (values or vec4s), and the result from `total`. */
  readonly identity: string;
  readonly combine: Combine;
  readonly finish: string;
  /** Set if x is bound as vec4s, in which all shapes and strides are counted; see `reduceInFours`. */
  readonly fours?: 'along' | 'across';
}

/** The same reduction with x read as vec4s along its innermost axis, if that has only whole ones. */
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

/** The accumulator's type. */
const totalType = ({ type, fours }: ReduceShape) => (fours ? `vec4<${type}>` : type);

/** `combine` for totals and `pair` for single values. */
const combineFunctions = (s: ReduceShape) => wgsl`
fn combine(a: ${totalType(s)}, b: ${totalType(s)}) -> ${totalType(s)} { return ${s.combine}; }
fn pair(a: ${s.type}, b: ${s.type}) -> ${s.type} { return ${s.combine}; }
`;

const finishFunction = ({ type, finish, stored }: ReduceShape) => wgsl`
fn finish(total: ${type}) -> ${stored} { return ${stored}(${finish}); }
`;

/** The final value of a total: the four values of a vec4 along the reduced axes are combined. */
const folded = ({ fours }: ReduceShape, total: string) =>
  fours === 'along' ? `pair(pair(${total}.x, ${total}.y), pair(${total}.z, ${total}.w))` : total;

/** Values that are combined sequentially before the result is combined with others, to limit rounding errors. */
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

const x = ({ given, fours }: ReduceShape): Binding => ({ name: 'x', type: elements(given, !!fours) });
const y = ({ stored }: ReduceShape): Binding => stores('y', stored);

/** The variant `serial`. */
export const reduceSerial = (shape: ReduceShape): Kernel => ({
  name: `${shape.op}.serial`,
  inputs: [x(shape)],
  outputs: [y(shape)],
  workgroups: linearGrid(sizeOf(shape.kept), LINEAR_WORKGROUP),
  wgsl: wgsl`
${combineFunctions(shape)}
${finishFunction(shape)}
${linearMain(sizeOf(shape.kept))}
  let base = ${stridedOffset('index', shape.kept, shape.keptStrides)};
  ${loops(shape, 0, 'base')}
#if ${shape.fours === 'across'}
  ${[0, 1, 2, 3].map((i) => `store_y(index * 4u + ${i}u, finish(total0[${i}]));`).join(' ')}
#else
  store_y(index, finish(${folded(shape, 'total0')}));
#endif
}
`,
});

/** The variants `tree` and `subgroup`. `fours` may be `along`, but not `across`. */
export function reduceGroups(shape: ReduceShape, by: GroupReduceBy): Kernel {
  const { type, combine, identity } = shape;
  const group = { name: 'group_total', type, threads: TREE_WORKGROUP, combine, identity, once: true };
  const text = wgsl`
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
  if (index < ${sizeOf(shape.kept)}u) {
    for (var r = local; r < ${sizeOf(shape.reduced)}u; r += ${TREE_WORKGROUP}u) {
      total = combine(total, ${totalType(shape)}(x[base + ${stridedOffset('r', shape.reduced, shape.reducedStrides)}]));
    }
  }
  let reduced = group_total(local, ${folded(shape, 'total')});
  if (local == 0u && index < ${sizeOf(shape.kept)}u) { store_y(index, finish(reduced)); }
}
`;
  return {
    name: `${shape.op}.${by}`,
    inputs: [x(shape)],
    outputs: [y(shape)],
    workgroups: linearGrid(sizeOf(shape.kept), 1),
    wgsl: text,
  };
}

/** How the reduced positions are split: part i has i, i + count, i + 2 · count … */
export interface ReduceSplits {
  readonly count: number;
  /** True if neighbouring threads have neighbouring outputs rather than parts: whichever are contiguous in x. */
  readonly outputsFirst: boolean;
}

/** Writes the partial results, before `finish`: [outputs, splits], or [splits, outputs] with `outputsFirst`. */
function partialsKernel(shape: ReduceShape, { count, outputsFirst }: ReduceSplits): Kernel {
  const outputs = sizeOf(shape.kept);
  const [output, part] = outputsFirst
    ? [`index % ${outputs}u`, `index / ${outputs}u`]
    : [`index / ${count}u`, `index % ${count}u`];
  const read = (position: string) =>
    `${totalType(shape)}(x[base + ${stridedOffset(position, shape.reduced, shape.reducedStrides)}])`;
  // Several independent accumulators: a single one would wait for each addition.
  const chains = [0, 1, 2, 3];
  const joined = chains.map((i) => `total${i}`).reduce((a, b) => `combine(${a}, ${b})`);
  const text = wgsl`
${combineFunctions(shape)}
${linearMain(outputs * count)}
  let output = ${output};
  let base = ${stridedOffset('output', shape.kept, shape.keptStrides)};
  ${chains.map((i) => `var total${i} = ${totalType(shape)}(${shape.identity});`).join(' ')}
  var r = ${part};
  for (; r + ${(chains.length - 1) * count}u < ${sizeOf(shape.reduced)}u; r += ${chains.length * count}u) {
    ${chains.map((i) => `total${i} = combine(total${i}, ${read(`(r + ${i * count}u)`)});`).join('\n    ')}
  }
  for (; r < ${sizeOf(shape.reduced)}u; r += ${count}u) { total0 = combine(total0, ${read('r')}); }
  let total = ${joined};
  partials[index] = ${folded(shape, 'total')};
}
`;
  return {
    name: `${shape.op}.splits`,
    inputs: [x(shape), { name: 'partials', type: elements(shape.type, shape.fours === 'across') }],
    outputs: [null],
    workgroups: linearGrid(outputs * count, LINEAR_WORKGROUP),
    wgsl: text,
  };
}

/** The variants `splits.…`: partial results of `shape`, reduced by the kernel that `rest` makes for their shape. */
export function reduceSplits(
  shape: ReduceShape,
  outputs: number,
  { count, outputsFirst }: ReduceSplits,
  rest: (shape: ReduceShape) => Kernel,
): Variant {
  const last = rest({
    ...shape,
    fours: undefined,
    given: shape.type,
    kept: [outputs],
    keptStrides: [outputsFirst ? 1 : count],
    reduced: [count],
    reducedStrides: [outputsFirst ? outputs : 1],
  });
  const name = `splits.${last.name.split('.')[1]}`;
  return {
    name,
    kernels: [
      partialsKernel(shape, { count, outputsFirst }),
      { ...last, name: `${shape.op}.${name}`, inputs: [null, ...last.inputs] },
    ],
    scratch: [{ shape: outputsFirst ? [count, outputs] : [outputs, count], dtype: shape.type }],
  };
}
