// Digits as pen strokes, in the ways people write them: for examples on the page and for training without a download.

/** A pen's path: x0, y0, x1, y1, … with (0, 0) top left of the digit and y = 1 its bottom. */
export type Path = readonly number[];

/** A random number in [low, high). */
export type Uniform = (low: number, high: number) => number;

interface Stroke {
  readonly points: Path;
  readonly smooth: boolean;
}

const curve = (...points: number[]): Stroke => ({ points, smooth: true });
const line = (...points: number[]): Stroke => ({ points, smooth: false });

/** For each digit, the ways to write it. */
const WAYS: readonly (readonly (readonly Stroke[])[])[] = [
  [
    [curve(0.5, 0, 0.2, 0.12, 0.08, 0.5, 0.2, 0.88, 0.5, 1, 0.8, 0.88, 0.92, 0.5, 0.8, 0.12, 0.48, 0)],
    [curve(0.62, 0.03, 0.25, 0.1, 0.1, 0.55, 0.28, 0.96, 0.62, 0.94, 0.88, 0.55, 0.78, 0.14, 0.5, 0.06)],
  ],
  [
    [line(0.5, 0, 0.5, 1)],
    [line(0.5, 0, 0.48, 0.5, 0.5, 1)],
    [line(0.28, 0.22, 0.52, 0, 0.52, 1)],
    [line(0.28, 0.2, 0.5, 0, 0.5, 1), line(0.22, 1, 0.8, 1)],
  ],
  [
    [curve(0.12, 0.26, 0.3, 0.04, 0.62, 0.02, 0.82, 0.24, 0.7, 0.52, 0.4, 0.78, 0.08, 1), line(0.08, 1, 0.92, 1)],
    [
      curve(
        0.12,
        0.22,
        0.36,
        0.02,
        0.7,
        0.05,
        0.8,
        0.3,
        0.62,
        0.62,
        0.3,
        0.9,
        0.1,
        0.92,
        0.18,
        0.78,
        0.5,
        0.9,
        0.94,
        0.98,
      ),
    ],
    [curve(0.1, 0.12, 0.5, 0, 0.8, 0.15, 0.74, 0.44, 0.36, 0.8, 0.08, 0.97), curve(0.08, 0.97, 0.5, 0.9, 0.92, 0.96)],
  ],
  [
    [
      curve(0.14, 0.14, 0.44, 0, 0.78, 0.12, 0.76, 0.34, 0.4, 0.48),
      curve(0.4, 0.48, 0.82, 0.56, 0.86, 0.82, 0.5, 1, 0.08, 0.88),
    ],
    [line(0.14, 0.02, 0.82, 0.02, 0.42, 0.42), curve(0.42, 0.42, 0.82, 0.5, 0.86, 0.82, 0.5, 1, 0.08, 0.9)],
    [curve(0.2, 0.06, 0.6, 0.02, 0.8, 0.22, 0.5, 0.44, 0.36, 0.5, 0.6, 0.5, 0.84, 0.72, 0.6, 0.98, 0.12, 0.94)],
  ],
  [
    [line(0.66, 1, 0.66, 0, 0.04, 0.66, 0.96, 0.66)],
    [line(0.2, 0.02, 0.12, 0.52, 0.82, 0.5), line(0.8, 0, 0.74, 1)],
    [curve(0.22, 0, 0.12, 0.36, 0.2, 0.54, 0.5, 0.54, 0.82, 0.44), line(0.84, 0.04, 0.8, 0.5, 0.78, 1)],
    [line(0.4, 0, 0.08, 0.6, 0.92, 0.58), line(0.66, 0.3, 0.62, 1)],
  ],
  [
    [line(0.84, 0.02, 0.26, 0.02, 0.2, 0.44), curve(0.2, 0.44, 0.5, 0.36, 0.82, 0.52, 0.82, 0.82, 0.5, 1, 0.1, 0.9)],
    [curve(0.86, 0.02, 0.34, 0.04, 0.24, 0.34, 0.56, 0.42, 0.84, 0.64, 0.66, 0.96, 0.1, 0.94)],
    [
      line(0.24, 0.04, 0.2, 0.46),
      curve(0.2, 0.46, 0.6, 0.4, 0.84, 0.66, 0.62, 0.98, 0.1, 0.94),
      line(0.24, 0.04, 0.86, 0.02),
    ],
  ],
  [
    [curve(0.74, 0.02, 0.4, 0.2, 0.16, 0.6, 0.22, 0.9, 0.52, 1, 0.82, 0.84, 0.78, 0.6, 0.5, 0.52, 0.2, 0.7)],
    [curve(0.5, 0, 0.26, 0.4, 0.16, 0.74, 0.32, 0.98, 0.68, 0.96, 0.8, 0.72, 0.56, 0.56, 0.22, 0.72)],
  ],
  [
    [line(0.08, 0.02, 0.9, 0.02, 0.4, 1)],
    [line(0.08, 0.04, 0.88, 0.02, 0.44, 1), line(0.3, 0.52, 0.8, 0.5)],
    [line(0.1, 0.18, 0.12, 0.02, 0.9, 0.02, 0.46, 1)],
    [curve(0.06, 0.12, 0.4, 0.06, 0.88, 0.04, 0.66, 0.4, 0.46, 1)],
  ],
  [
    [
      curve(
        0.76,
        0.16,
        0.5,
        0,
        0.22,
        0.16,
        0.34,
        0.4,
        0.68,
        0.58,
        0.8,
        0.82,
        0.5,
        1,
        0.2,
        0.82,
        0.34,
        0.58,
        0.68,
        0.38,
        0.76,
        0.14,
      ),
    ],
    [
      curve(0.5, 0, 0.24, 0.12, 0.26, 0.36, 0.5, 0.46, 0.74, 0.36, 0.76, 0.12, 0.5, 0),
      curve(0.5, 0.46, 0.16, 0.6, 0.18, 0.88, 0.5, 1, 0.82, 0.88, 0.84, 0.6, 0.5, 0.46),
    ],
  ],
  [
    [
      curve(0.8, 0.24, 0.56, 0.02, 0.2, 0.14, 0.18, 0.4, 0.46, 0.54, 0.76, 0.4, 0.8, 0.2),
      line(0.8, 0.2, 0.76, 0.6, 0.7, 1),
    ],
    [curve(0.8, 0.2, 0.5, 0, 0.2, 0.18, 0.24, 0.46, 0.56, 0.5, 0.8, 0.26, 0.82, 0.56, 0.7, 0.92, 0.3, 0.98)],
    [curve(0.78, 0.1, 0.4, 0.02, 0.16, 0.26, 0.36, 0.5, 0.66, 0.4, 0.8, 0.1), line(0.8, 0.1, 0.58, 1)],
  ],
];

/** How far hands miss the points they aim at, careful ones and sloppy ones, as parts of the digit's height. */
const CAREFUL = 0.02;
const SLOPPY = 0.11;

/** One writing of `digit`: a way to write it, with a hand's slant, width and wobble. The paths are fine polylines. */
export function writeDigit(digit: number, uniform: Uniform): Path[] {
  const ways = WAYS[digit];
  const way = ways[Math.floor(uniform(0, ways.length))];
  const width = uniform(0.5, 1);
  const slant = uniform(-0.2, 0.55);
  const wobble = uniform(CAREFUL, SLOPPY);
  const missed = () => uniform(-wobble, wobble);
  // Strokes that meet must still meet: a point that two of them share is missed once.
  const moved = new Map<string, readonly [number, number]>();
  const move = (x: number, y: number) => {
    const key = `${x} ${y}`;
    const place = moved.get(key) ?? [width * (x + missed()) + slant * (0.5 - y), y + missed()];
    moved.set(key, place);
    return place;
  };
  return way.map(({ points, smooth }) => {
    const written: number[] = [];
    for (let i = 0; i < points.length; i += 2) written.push(...move(points[i], points[i + 1]));
    return smooth ? smoothed(written) : written;
  });
}

/** Pieces between two points of a curve. */
const PIECES = 6;

/** A Catmull–Rom spline through all points. */
function smoothed(points: Path): number[] {
  const count = points.length / 2;
  const at = (i: number, axis: number) => points[2 * Math.min(Math.max(i, 0), count - 1) + axis];
  const path = [points[0], points[1]];
  for (let i = 0; i + 1 < count; i++) {
    for (let piece = 1; piece <= PIECES; piece++) {
      const t = piece / PIECES;
      for (const axis of [0, 1]) {
        const [a, b, c, d] = [at(i - 1, axis), at(i, axis), at(i + 1, axis), at(i + 2, axis)];
        path.push(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))));
      }
    }
  }
  return path;
}
