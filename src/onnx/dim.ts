// Sizes of an exported graph: fixed ones, and those that are computed from sizes which stay open.

/** What stays open, by name, such as `batch` and `length`, in one trace of a function. */
export type OpenSizes = Readonly<Record<string, number>>;

/** A product of open sizes, and how often it counts. */
export interface Term {
  readonly of: readonly string[];
  readonly times: number;
}

/** A size that depends on open ones: a sum of terms and a number. */
export interface OpenDim {
  readonly terms: readonly Term[];
  readonly plus: number;
}

export type Dim = number | OpenDim;

/** All products of some of `names`, from none of them on. */
const productsOf = (names: readonly string[]): string[][] =>
  names.reduce<string[][]>((products, name) => [...products, ...products.map((one) => [...one, name])], [[]]);

const valueOf = (of: readonly string[], sizes: OpenSizes): number => of.reduce((value, name) => value * sizes[name], 1);

/** Three values of each open size. None is 1, as axes of size 1 are moved and broadcast in other ways. */
const VALUES = [[2, 3, 5], [7, 9, 12], [6, 10, 13]] as const; // prettier-ignore

/** How many sizes can stay open: each doubles the number of samples. */
export const MOST_OPEN = VALUES.length;

/**
 * The sizes that a function is traced with, so that `fit` finds every sum of products: two of each name in all combinations,
 * and one trace more, by which what was found is checked.
 */
export function samplesOf(names: readonly string[]): OpenSizes[] {
  const all = names.reduce<OpenSizes[]>(
    (found, name, i) => [0, 1].flatMap((k) => found.map((one) => ({ ...one, [name]: VALUES[i][k] }))),
    [{}],
  );
  return [...all, Object.fromEntries(names.map((name, i) => [name, VALUES[i][2]]))];
}

/** `values`, one for each of the samples, as one size; null where they are no sum of products. */
export function fit(samples: readonly OpenSizes[], values: readonly number[]): Dim | null {
  if (values.every((value) => value === values[0])) return values[0];
  const products = productsOf(Object.keys(samples[0]));
  const times = solve(
    products.map((_, i) => products.map((of) => valueOf(of, samples[i]))),
    values.slice(0, products.length),
  ).map(Math.round);
  const total = (sizes: OpenSizes) => products.reduce((sum, of, i) => sum + times[i] * valueOf(of, sizes), 0);
  if (!samples.every((sizes, i) => total(sizes) === values[i])) return null;
  const terms = products.flatMap((of, i) => (i > 0 && times[i] !== 0 ? [{ of, times: times[i] }] : []));
  return { terms, plus: times[0] };
}

/** The solution of a small system of equations with as many unknowns, by Gauss and Jordan. */
function solve(rows: readonly (readonly number[])[], right: readonly number[]): number[] {
  const system = rows.map((row, i) => [...row, right[i]]);
  system.forEach((_, column) => {
    const rest = system.slice(column).map((row) => Math.abs(row[column]));
    const pivot = column + rest.indexOf(Math.max(...rest));
    [system[column], system[pivot]] = [system[pivot], system[column]];
    const scaled = system[column].map((value) => value / system[column][column]);
    system.forEach((row, i) => {
      const factor = row[column];
      system[i] = i === column ? scaled : row.map((value, k) => value - factor * scaled[k]);
    });
  });
  return system.map((row) => row[row.length - 1]);
}

/** A size as ONNX names it: `batch`, `2*batch`, `batch*length+1`. */
export function dimName({ terms, plus }: OpenDim): string {
  const parts = terms.map(({ of, times }) => [...(times === 1 ? [] : [times]), ...of].join('*'));
  return [...parts, ...(plus === 0 ? [] : [plus])].join('+').replaceAll('+-', '-');
}

/** A size as people read it. */
export const shownDim = (dim: Dim): number | string => (typeof dim === 'number' ? dim : dimName(dim));
