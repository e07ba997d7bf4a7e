// Sizes in an exported graph: fixed, or computed from open sizes.

/** The values of open sizes, such as `batch` and `length`, in one trace of a function. */
export type OpenSizes = Readonly<Record<string, number>>;

/** A product of open sizes, and its coefficient. */
export interface Term {
  readonly of: readonly string[];
  readonly times: number;
}

/** A size that depends on open ones: a sum of terms and a constant. */
export interface OpenDim {
  readonly terms: readonly Term[];
  readonly plus: number;
}

export type Dim = number | OpenDim;

/** All products of distinct `names`, starting with the empty one. */
const productsOf = (names: readonly string[]): string[][] =>
  names.reduce<string[][]>((products, name) => [...products, ...products.map((one) => [...one, name])], [[]]);

const valueOf = (of: readonly string[], sizes: OpenSizes): number => of.reduce((value, name) => value * sizes[name], 1);

/** Three values per open size. None is 1, because axes of size 1 are moved and broadcast differently. */
const VALUES = [[2, 3, 5], [7, 9, 12], [6, 10, 13]] as const; // prettier-ignore

/** Maximum number of open sizes: each doubles the number of samples. */
export const MOST_OPEN = VALUES.length;

/**
 * The sizes to trace a function with, so that `fit` finds every sum of products: two values per name in all combinations, and
 * one more sample to verify the result.
 */
export function samplesOf(names: readonly string[]): OpenSizes[] {
  const all = names.reduce<OpenSizes[]>(
    (found, name, i) => [0, 1].flatMap((k) => found.map((one) => ({ ...one, [name]: VALUES[i][k] }))),
    [{}],
  );
  return [...all, Object.fromEntries(names.map((name, i) => [name, VALUES[i][2]]))];
}

/** The size with these `values` in the samples; null if it is not a sum of products. */
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

/** Solves a small square linear system by Gauss-Jordan elimination. */
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

/** A size's name in ONNX: `batch`, `2*batch`, `batch*length+1`. */
export function dimName({ terms, plus }: OpenDim): string {
  const parts = terms.map(({ of, times }) => [...(times === 1 ? [] : [times]), ...of].join('*'));
  return [...parts, ...(plus === 0 ? [] : [plus])].join('+').replaceAll('+-', '-');
}

/** A size for display. */
export const shownDim = (dim: Dim): number | string => (typeof dim === 'number' ? dim : dimName(dim));
