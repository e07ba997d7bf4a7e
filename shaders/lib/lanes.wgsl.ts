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
export const termsFromLanes = (
  rows: readonly number[],
  load: (row: number, at: string) => string,
  add: (q: number, value: (row: number) => string) => string,
): string[] => [
  ...rows.map((r) => `let own_${r} = ${load(r, '(k + own)')};`),
  ...[0, 1, 2, 3].map((q) => add(q, (r) => `subgroupBroadcast(own_${r}, ${q}u)`)),
];

/**
 * `count` numbers that all lanes need: each loads a quarter of them. `place` gives where the i-th lies, as `load` takes it. `before` stands
 * before the loop, `own` where they are loaded, and `number(i)` is the i-th.
 */
export const numbersFromLanes = (count: number, place: (i: string) => string, load: (at: string) => string) => {
  const quarter = Array.from({ length: Math.ceil(count / TERMS) }, (_, q) => q);
  return {
    before: [
      OWN_TERM,
      ...quarter.map((q) => `let at_own_${q} = ${place(`min(${q * TERMS}u + own, ${count - 1}u)`)};`),
    ].join('\n  '),
    own: quarter.map((q) => `let own_${q} = ${load(`at_own_${q}`)};`).join('\n    '),
    number: (i: number) => `subgroupBroadcast(own_${Math.floor(i / TERMS)}, ${i % TERMS}u)`,
  };
};
