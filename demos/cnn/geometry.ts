// LeNet-5's layers as a reader of the page meets them: sizes, and which pixels of the input a value depends on.

import type { LayerName } from './protocol.ts';

/** Side of the input, in pixels. */
export const INPUT = 32;

/** A layer's maps, and the window with which it slides over the layer before. */
export interface Layer {
  readonly name: LayerName;
  readonly title: string;
  readonly maps: number;
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
}

/** The layers whose maps keep places, from the input on. */
export const MAP_LAYERS: readonly Layer[] = [
  { name: 'c1', title: 'C1', maps: 6, size: 28, kernel: 5, stride: 1 },
  { name: 's2', title: 'S2', maps: 6, size: 14, kernel: 2, stride: 2 },
  { name: 'c3', title: 'C3', maps: 16, size: 10, kernel: 5, stride: 1 },
  { name: 's4', title: 'S4', maps: 16, size: 5, kernel: 2, stride: 2 },
];

/** A square of the input: its first row and column, and its side. */
export interface Field {
  readonly row: number;
  readonly column: number;
  readonly size: number;
}

/** The square of the input that the value at (`row`, `column`) of a map of `layer` depends on. */
export function receptiveField(layer: LayerName, row: number, column: number): Field {
  const depth = MAP_LAYERS.findIndex(({ name }) => name === layer);
  // C5 and all after it see the whole input.
  if (depth < 0) return { row: 0, column: 0, size: INPUT };
  let field: Field = { row, column, size: 1 };
  for (const { kernel, stride } of MAP_LAYERS.slice(0, depth + 1).reverse()) {
    field = { row: field.row * stride, column: field.column * stride, size: (field.size - 1) * stride + kernel };
  }
  return field;
}
