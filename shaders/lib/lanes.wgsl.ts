// Loads that the lanes of a subgroup share out: of four terms along a sum each of four lanes loads one, and all get it from there.
// For CPUs, to which a load costs more than passing a number on does. Every subgroup must have four threads, and none may have returned.

/** Rows from which sharing out their loads is worth the text of four terms, and terms that are taken at a time. */
const [ENOUGH_ROWS, TERMS] = [5, 4];

/** True where threads of `rows` rows should share out the loads of their `terms` terms. */
export const sharesLoads = (
  rows: number,
  terms: number,
  { software, subgroups }: { readonly software: boolean; readonly subgroups: boolean },
): boolean => software && subgroups && rows >= ENOUGH_ROWS && terms % TERMS === 0;

/** What `main` takes besides. */
export const LANE_BUILTIN = ', @builtin(subgroup_invocation_id) lane: u32';

/** Before the loop: the term of four that this lane loads. */
export const OWN_TERM = 'let own = lane % 4u;';

/**
 * Four terms, from `k` on: `load` gives a row's number at a place along the sum; `add` the statements that add term `q`, for which each
 * row's number is that of `value`.
 */
export const fromLanes = (
  rows: readonly number[],
  load: (row: number, at: string) => string,
  add: (q: number, value: (row: number) => string) => string,
): string[] => [
  ...rows.map((r) => `let own_${r} = ${load(r, '(k + own)')};`),
  ...[0, 1, 2, 3].map((q) => add(q, (r) => `subgroupBroadcast(own_${r}, ${q}u)`)),
];
