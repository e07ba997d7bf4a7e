// Loads shared by the lanes of a subgroup: each of four lanes loads one of four terms of a sum and broadcasts it to the others.
// For CPUs, on which a load costs more than a broadcast. Every subgroup must have four threads, none of which has returned.

/** Rows from which sharing loads pays for unrolling four terms, and terms per iteration. */
const [ENOUGH_ROWS, TERMS] = [5, 4];

/** True if threads with `rows` rows should share the loads of their `terms` terms. */
export const sharesLoads = (
  rows: number,
  terms: number,
  { software, subgroups }: { readonly software: boolean; readonly subgroups: boolean },
): boolean => software && subgroups && rows >= ENOUGH_ROWS && terms % TERMS === 0;

/** The additional parameter of `main`. */
export const LANE_BUILTIN = ', @builtin(subgroup_invocation_id) lane: u32';

/** Before the loop: the term of four that this lane loads. */
export const OWN_TERM = 'let own = lane % 4u;';

/**
 * Four terms from `k` on: `load` loads a row's value at a position along the sum; `add` gives the statements that add term `q`,
 * in which `value` is each row's value.
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
 * `count` numbers that all lanes need: each lane loads a quarter of them. `place` gives the position of the i-th, which `load`
 * takes. `before` goes before the loop, `own` where they are loaded, and `number(i)` is the i-th.
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
