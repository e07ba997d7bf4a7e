// Resizes images by weighted sums listed in tables: one record, whose gradient is itself with transposed tables.

import { resample2dGather } from '../../../shaders/conv/resample2d.wgsl.ts';
import { applyOne, expectDType, type CpuArray, type KernelOp } from '../../core/op.ts';
import { formatShape, sizeOf, type Shape } from '../../core/shape.ts';
import { Constant, type Tensor } from '../../core/tensor.ts';
import { transposeTaps, type Taps } from './resample-taps.ts';

/** How one axis of an image is resized. */
export interface AxisAttrs {
  /** Positions before and after. */
  readonly from: number;
  readonly to: number;
  /** Entries per list in the axis' tables. */
  readonly taps: number;
}

/** Inputs: x, then for each resampled axis its tables of positions and weights. */
interface ResampleAttrs {
  readonly rows: AxisAttrs | null;
  readonly columns: AxisAttrs | null;
}

const END = 0xffffffff;

const resized = (shape: Shape, { rows, columns }: ResampleAttrs): Shape => [
  ...shape.slice(0, 2),
  rows?.to ?? shape[2],
  columns?.to ?? shape[3],
];

/** The tables among the inputs, for rows and for columns. */
function tablesOf<T>(inputs: readonly T[], { rows, columns }: ResampleAttrs): [readonly T[], readonly T[]] {
  const tables = inputs.slice(1);
  return [rows ? tables.slice(0, 2) : [], columns ? tables.slice(rows ? 2 : 0) : []];
}

/** The list of position `at`: pairs of an input position and its weight. */
function* listOf(at: number, axis: AxisAttrs | null, [index, weight]: readonly CpuArray[]): Iterable<[number, number]> {
  if (!axis) yield [at, 1];
  else {
    for (let tap = at * axis.taps; tap < (at + 1) * axis.taps && index[tap] !== END; tap++) {
      yield [index[tap], weight[tap]];
    }
  }
}

export const resample2dOp: KernelOp<ResampleAttrs> = {
  name: 'resample2d',
  kind: 'kernels',
  stores: true,
  infer([x], attrs) {
    expectDType('resample2d', 'image', x, 'f32', 'f16');
    const [height, width] = x.shape.slice(2);
    if (x.shape.length !== 4 || (attrs.rows?.from ?? height) !== height || (attrs.columns?.from ?? width) !== width) {
      throw new Error(`resample2d: the tables do not fit an image of ${formatShape(x.shape)}.`);
    }
    return [{ shape: resized(x.shape, attrs), dtype: x.dtype }];
  },
  cpu({ inputs, outputs: [y], inputSpecs, outputSpecs, attrs }) {
    const [x] = inputs;
    const [[height, width], [planes, outHeight, outWidth]] = [
      inputSpecs[0].shape.slice(2),
      [sizeOf(inputSpecs[0].shape.slice(0, 2)), ...outputSpecs[0].shape.slice(2)],
    ];
    const [rowTables, columnTables] = tablesOf(inputs, attrs);
    const columnLists = Array.from({ length: outWidth }, (_, at) => [...listOf(at, attrs.columns, columnTables)]);
    for (let row = 0; row < outHeight; row++) {
      const rowList = [...listOf(row, attrs.rows, rowTables)];
      columnLists.forEach((columnList, column) => {
        for (let plane = 0; plane < planes; plane++) {
          let total = 0;
          for (const [ix, weightX] of columnList) {
            for (const [iy, weightY] of rowList) total += weightX * weightY * x[(plane * height + iy) * width + ix];
          }
          y[(plane * outHeight + row) * outWidth + column] = total;
        }
      });
    }
  },
  gpu({ inputs: [x], outputs: [y], attrs: { rows, columns } }) {
    const kernel = resample2dGather({
      planes: sizeOf(x.shape.slice(0, 2)),
      image: [x.shape[2], x.shape[3]],
      output: [y.shape[2], y.shape[3]],
      taps: [rows?.taps ?? null, columns?.taps ?? null],
      type: x.dtype === 'f16' ? 'f16' : 'f32',
    });
    return [{ name: 'gather', kernels: [kernel] }];
  },
  vjp({ inputs, gradients: [g], attrs }) {
    const [rowTables, columnTables] = tablesOf(inputs, attrs);
    const taps = (axis: AxisAttrs | null, tables: readonly Tensor[]) =>
      axis && transposeTaps(tapsOf(axis, tables as readonly Constant[]));
    return [resample2d(g!, taps(attrs.rows, rowTables), taps(attrs.columns, columnTables))];
  },
  flops: (_inputs, [y], { rows, columns }) => 2 * sizeOf(y.shape) * (rows?.taps ?? 1) * (columns?.taps ?? 1),
  // For each axis, a weighted sum of what each tap gathers.
  onnx(graph, { inputs: [x], tensors, attrs }) {
    const tables = tablesOf(tensors, attrs);
    const dtype = tensors[0].dtype;
    return [attrs.rows, attrs.columns].reduce((image, axis, i) => {
      if (!axis) return image;
      const [index, weight] = tables[i].map((table) => (table as Constant).data);
      const terms = Array.from({ length: axis.taps }, (_, tap) => {
        const own = (table: ArrayLike<number>) =>
          Array.from({ length: axis.to }, (_unused, at) => table[at * axis.taps + tap]);
        const places = graph.ints(own(index).map((at) => (at === END ? 0 : at)));
        const weights = graph.constant({
          dtype: 'f32',
          shape: [axis.to, ...(i === 0 ? [1] : [])],
          data: Float32Array.from(own(weight)),
        });
        const picked = graph.node('Gather', [image, places], { axis: 2 + i });
        const isPlain = axis.taps === 1 && own(weight).every((one) => one === 1);
        return isPlain ? picked : graph.node('Mul', [picked, dtype === 'f16' ? graph.cast(weights, 'f16') : weights]);
      });
      return terms.reduce((sum, term) => graph.node('Add', [sum, term]));
    }, x);
  },
};

/** The lists in an axis' tables. */
function tapsOf({ from, taps }: AxisAttrs, [index, weight]: readonly Constant[]): Taps {
  const lists = Array.from({ length: index.shape[0] }, (_, at) => [
    ...listOf(at, { from, to: 0, taps }, [index.data, weight.data]),
  ]);
  return { from, lists };
}

/** More products per output than this cost more than a pass over each axis. */
const MOST_PRODUCTS = 36;

/** The image [N, C, H, W] with its rows and columns replaced by weighted sums of others, listed by taps. Null keeps an axis. */
export function resample2d(x: Tensor, rows: Taps | null, columns: Taps | null): Tensor {
  const longest = (taps: Taps | null) => (taps ? Math.max(1, ...taps.lists.map(({ length }) => length)) : 1);
  if (rows && columns && longest(rows) * longest(columns) > MOST_PRODUCTS) {
    return resample2d(resample2d(x, null, columns), rows, null);
  }
  const axis = (taps: Taps | null) => taps && { from: taps.from, to: taps.lists.length, taps: longest(taps) };
  const tables = (taps: Taps | null) => {
    if (!taps) return [];
    const [length, shape] = [longest(taps), [taps.lists.length, longest(taps)]];
    const entries = taps.lists.flatMap((list) => Array.from({ length }, (_, i) => list[i] ?? [END, 0]));
    return [
      new Constant(
        shape,
        'u32',
        Uint32Array.from(entries, ([at]) => at),
      ),
      new Constant(
        shape,
        'f32',
        Float32Array.from(entries, ([, weight]) => weight),
      ),
    ];
  };
  return applyOne(resample2dOp, [x, ...tables(rows), ...tables(columns)], {
    rows: axis(rows),
    columns: axis(columns),
  });
}
