// Reduces a value across the threads of a workgroup, by a tree in workgroup memory or by subgroups.
//
// tree      log₂(threads) rounds, each after a barrier.
// subgroup  each subgroup reduces its values and its first lane writes the result; after one barrier every subgroup reduces
//           all results. Nothing is assumed about the size of subgroups or which threads form them: lanes are counted and
//           ranked by subgroup sums.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** How the threads of a workgroup reduce. */
export type GroupReduceBy = 'tree' | 'subgroup';

/** WGSL expressions that combine `a` and `b`, and the corresponding subgroup functions. */
const SUBGROUP_FUNCTIONS = {
  'a + b': 'subgroupAdd',
  'a * b': 'subgroupMul',
  'max(a, b)': 'subgroupMax',
  'min(a, b)': 'subgroupMin',
} as const;
export type Combine = keyof typeof SUBGROUP_FUNCTIONS;

export interface GroupReduction {
  /** The function's name: all threads call `name(local, value)` together and get the reduced value. */
  readonly name: string;
  readonly type: string;
  readonly threads: number;
  readonly combine: Combine;
  /** The neutral element. */
  readonly identity: string;
  /** True if it is called once and only thread 0 needs the value: fewer barriers. */
  readonly once?: boolean;
}

/** The ways that a device supports. Neither is known to be faster, so the one that all devices have comes first. */
export const groupReduceWays = ({ subgroups }: { readonly subgroups: boolean }): readonly GroupReduceBy[] =>
  subgroups ? ['tree', 'subgroup'] : ['tree'];

/** The workgroup memory that functions of one type share. */
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
