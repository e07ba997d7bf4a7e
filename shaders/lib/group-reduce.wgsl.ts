// One value of all threads of a workgroup, by halving in workgroup memory or by subgroups.
//
// tree      log₂(threads) rounds, each behind a barrier.
// subgroup  each subgroup makes one value of its own, the first of its lanes writes that, and behind one barrier every subgroup
//           makes one value of all of them. Nothing is assumed of a subgroup's size, of which threads are in it, and of how
//           many: its lanes are counted and ranked by the subgroup's own sums.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** How a reduction is shared among the threads of a workgroup. */
export type GroupReduceBy = 'tree' | 'subgroup';

/** WGSL expressions that make one value of `a` and `b`, and the functions with which subgroups do. */
const SUBGROUP_FUNCTIONS = {
  'a + b': 'subgroupAdd',
  'a * b': 'subgroupMul',
  'max(a, b)': 'subgroupMax',
  'min(a, b)': 'subgroupMin',
} as const;
export type Combine = keyof typeof SUBGROUP_FUNCTIONS;

export interface GroupReduction {
  /** The function's name: `name(local, value)`, which all threads call together, gives each the value of all. */
  readonly name: string;
  readonly type: string;
  readonly threads: number;
  readonly combine: Combine;
  /** The value of nothing. */
  readonly identity: string;
  /** True where it is called once, and only thread 0 needs the value: fewer barriers. */
  readonly once?: boolean;
}

/** The ways that a device has, of which none has been measured to be the faster: the one that all have comes first. */
export const groupReduceWays = ({ subgroups }: { readonly subgroups: boolean }): readonly GroupReduceBy[] =>
  subgroups ? ['tree', 'subgroup'] : ['tree'];

/** The memory that functions of one type share. */
export const groupScratch = ({ type, threads }: Pick<GroupReduction, 'type' | 'threads'>): string =>
  `var<workgroup> scratch: array<${type}, ${threads}>;`;

export function groupReduce(
  { name, type, threads, combine, identity, once }: GroupReduction,
  by: GroupReduceBy,
): string {
  const subgroup = SUBGROUP_FUNCTIONS[combine];
  return wgsl`
#if ${by === 'subgroup'}
fn ${name}(local: u32, value: ${type}) -> ${type} {
  let rank = subgroupExclusiveAdd(1u);
  let lanes = subgroupAdd(1u);
  let part = ${subgroup}(value);
  scratch[local] = select(${identity}, part, rank == 0u);
  workgroupBarrier();
  var a = ${identity};
  for (var i = rank; i < ${threads}u; i += lanes) {
    let b = scratch[i];
    a = ${combine};
  }
  let result = ${subgroup}(a);
  ${once ? '' : 'workgroupBarrier();'}
  return result;
}
#else
fn ${name}(local: u32, value: ${type}) -> ${type} {
  scratch[local] = value;
  for (var width = ${threads / 2}u; width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (local < width) {
      let a = scratch[local];
      let b = scratch[local + width];
      scratch[local] = ${combine};
    }
  }
#if ${!!once}
  if (local > 0u) { return value; }
  return scratch[0];
#else
  workgroupBarrier();
  let result = scratch[0];
  workgroupBarrier();
  return result;
#endif
}
#endif
`;
}
