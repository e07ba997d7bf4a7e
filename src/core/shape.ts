// Arithmetic on shapes: sizes, strides, axes and NumPy broadcasting, with errors that show the shapes.

/** Sizes of a tensor's axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements of `shape`. */
export const sizeOf = (shape: Shape): number => shape.reduce((size, dim) => size * dim, 1);

/** `[2, 3]` as text, for errors. */
export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** True when both shapes have the same axes. */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

/** Row-major strides of `shape`, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Strides for reading a tensor of `shape` broadcast to `target`: 0 along broadcast axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = stridesOf(shape);
  const missing = target.length - shape.length;
  return target.map((dim, axis) =>
    axis < missing || (shape[axis - missing] === 1 && dim !== 1) ? 0 : strides[axis - missing],
  );
}

/** The shape that `shapes` broadcast to, by NumPy's rule. `who` names the op in the error. */
export function broadcastShapes(who: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const axis = rank - shape.length + i;
      if (shape[i] === 1 || shape[i] === result[axis]) continue;
      if (result[axis] !== 1) {
        throw new Error(
          `${who}: shapes ${shapes.map(formatShape).join(' and ')} do not broadcast: aligned from the right, sizes must be equal or 1.`,
        );
      }
      result[axis] = shape[i];
    }
  }
  return result;
}

/** `axis` counted from the front; accepts -rank … rank-1 and throws for anything else. */
export function resolveAxis(who: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new Error(`${who}: axis ${axis} is out of range for ${rank} axes; use ${-rank} to ${rank - 1}.`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Sorted unique axes counted from the front; no `axes` means all of them. */
export function resolveAxes(who: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === 'number' ? [axes] : [...axes]).map((axis) => resolveAxis(who, axis, rank));
  if (new Set(list).size !== list.length) throw new Error(`${who}: axes [${axes}] name the same axis twice.`);
  return list.sort((a, b) => a - b);
}

/** `shape` without `axes` (or with 1 in their place when `keepdims`). */
export function reducedShape(shape: Shape, axes: readonly number[], keepdims: boolean): number[] {
  return keepdims
    ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    : shape.filter((_, axis) => !axes.includes(axis));
}

/** `shape` as rows along `axis`: the number of rows, the values in each, and the stride between values. */
export function rowsAlong(shape: Shape, axis: number): { rows: number; length: number; stride: number } {
  const length = shape[axis];
  return { rows: length === 0 ? 0 : sizeOf(shape) / length, length, stride: sizeOf(shape.slice(axis + 1)) };
}

/** Offset of the first value of row `row`. */
export const rowOffset = ({ length, stride }: { length: number; stride: number }, row: number): number =>
  Math.floor(row / stride) * length * stride + (row % stride);

/** Throws unless `values` are integers of at least `least`; the error names the op and the setting. */
export function expectWhole(who: string, what: string, values: readonly number[], least: number): void {
  if (values.every((value) => Number.isInteger(value) && value >= least)) return;
  const [kind, found] = values.length === 1 ? ['an integer', values[0]] : ['integers', formatShape(values)];
  throw new Error(`${who}: ${what} must be ${kind} of at least ${least}, but got ${found}.`);
}

/** The offset of every row-major position of `shape` in memory with `strides`. */
export function stridedOffsets(shape: Shape, strides: readonly number[]): Uint32Array {
  const size = sizeOf(shape);
  const offsets = new Uint32Array(size);
  // Axis by axis from the innermost: each axis repeats the offsets so far, shifted by its stride.
  let block = 1;
  for (let axis = shape.length - 1; axis >= 0 && size > 0; axis--) {
    for (let i = 1; i < shape[axis]; i++) {
      const shift = i * strides[axis];
      for (let j = 0; j < block; j++) offsets[i * block + j] = offsets[j] + shift;
    }
    block *= shape[axis];
  }
  return offsets;
}
