// The weighted source positions of each position of a resized axis: torch's interpolation.

/** For each new position, a list of old positions and their weights. */
export interface Taps {
  /** Number of old positions. */
  readonly from: number;
  readonly lists: readonly (readonly (readonly [at: number, weight: number])[])[];
}

/** Interpolation modes, by torch's names. */
export type InterpolationMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'area';

/** The taps of the gradient: for each old position the new ones that it contributes to. */
export function transposeTaps({ from, lists }: Taps): Taps {
  const back: [number, number][][] = Array.from({ length: from }, () => []);
  lists.forEach((list, to) => {
    for (const [at, weight] of list) back[at].push([to, weight]);
  });
  return { from: lists.length, lists: back };
}

/** Keys' cubic with a = -3/4, for neighbours at distances t + 1, t, 1 - t and 2 - t (OpenCV and torch use the same a). */
function cubicWeights(t: number): number[] {
  const a = -0.75;
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** Sums weights of equal positions and drops zero weights. */
function merged(list: readonly (readonly [number, number])[]): [number, number][] {
  const weights = new Map<number, number>();
  for (const [at, weight] of list) weights.set(at, (weights.get(at) ?? 0) + weight);
  return [...weights].filter(([, weight]) => weight !== 0);
}

/**
 * Taps from `from` to `to` positions. `scale` is the distance of new positions in old ones: from / to, unless the user gave
 * the factor. With `alignCorners` the first and last positions coincide; only for linear and cubic.
 */
export function interpolationTaps(
  mode: InterpolationMode,
  from: number,
  to: number,
  scale: number,
  alignCorners: boolean,
): Taps {
  const step = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : scale;
  const inside = (at: number) => Math.min(Math.max(at, 0), from - 1);
  const lists = Array.from({ length: to }, (_, at): [number, number][] => {
    const source = alignCorners ? at * step : (at + 0.5) * step - 0.5;
    const floor = Math.floor(source);
    switch (mode) {
      // torch computes these two in f32, which can decide which position is nearest.
      case 'nearest':
        return [[inside(Math.floor(Math.fround(at * Math.fround(step)))), 1]];
      case 'nearest-exact':
        return [[inside(Math.floor(Math.fround((at + 0.5) * Math.fround(step)))), 1]];
      case 'area': {
        const [first, end] = [Math.floor((at * from) / to), Math.ceil(((at + 1) * from) / to)];
        return Array.from({ length: end - first }, (_unused, i) => [first + i, 1 / (end - first)]);
      }
      case 'bicubic':
        return merged(cubicWeights(source - floor).map((weight, i) => [inside(floor - 1 + i), weight]));
      default: {
        const low = inside(Math.floor(Math.max(source, 0)));
        const part = Math.min(Math.max(Math.max(source, 0) - low, 0), 1);
        return merged([[low, 1 - part], [inside(low + 1), part]]); // prettier-ignore
      }
    }
  });
  return { from, lists };
}
