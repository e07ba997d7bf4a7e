// Rows of a tensor along one of its axes: where each begins, and how far apart its values lie.

/** A tensor seen as rows along one axis. */
export interface RowsShape {
  readonly rows: number;
  /** Values in a row, and the distance between two of them; rows with equal `row / stride` interleave. */
  readonly length: number;
  readonly stride: number;
}

/** A WGSL expression for the offset of the first value of row number `row`. */
export const rowStart = ({ length, stride }: RowsShape, row = 'row'): string =>
  stride === 1 ? `${row} * ${length}u` : `(${row} / ${stride}u) * ${length * stride}u + ${row} % ${stride}u`;
