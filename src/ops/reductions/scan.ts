// Running sums and products along an axis.

import {
  MOST_CHUNKS, SCAN_TILE, scanChunks, scanGroup, scanSerial, type ScanShape,
} from '../../../shaders/reductions/scan.wgsl.ts'; // prettier-ignore
import { isFloat } from '../../core/dtype.ts';
import { elementType, type Variant } from '../../core/kernel.ts';
import { applyOne, expectDType, type KernelCall, type KernelOp } from '../../core/op.ts';
import { resolveAxis, rowOffset, rowsAlong, sizeOf, type Shape } from '../../core/shape.ts';
import { fill, type Tensor } from '../../core/tensor.ts';
import { add, mul } from '../elementwise/binary.ts';
import { inHeldType } from '../lib/onnx.ts';
import { pad } from '../movement/pad.ts';
import { permute } from '../movement/permute.ts';
import { reshape } from '../movement/reshape.ts';
import { slice } from '../movement/slice.ts';

interface ScanAttrs {
  readonly axis: number;
  /** True when each result excludes its own element. */
  readonly exclusive: boolean;
  /** True when the scan runs from the last element to the first. */
  readonly reverse: boolean;
}

/** Rows below SHORT do not need a workgroup each; rows above LONG are split into chunks if there are few of them. */
const [SHORT, LONG] = [128, 8192];

function variants(
  kind: ScanShape['kind'],
  { inputs, outputs: [y], attrs, capabilities }: KernelCall<ScanAttrs>,
): Variant[] {
  const rows = rowsAlong(y.shape, attrs.axis);
  const type = isFloat(y.dtype) ? 'f32' : y.dtype === 'i32' ? 'i32' : 'u32';
  const given = inputs.map(({ dtype }) => elementType(dtype));
  const shape: ScanShape = { ...rows, ...attrs, kind, type, given, stored: elementType(y.dtype) };
  const found: Variant[] = [
    { name: 'serial', kernels: [scanSerial(shape)] },
    { name: 'group', kernels: [scanGroup(shape)] },
    ...(rows.length > SCAN_TILE ? [scanChunks(shape)] : []),
  ];
  const cut = found.length > 2 && rows.length > LONG && rows.rows < MOST_CHUNKS;
  const first = capabilities.software || rows.length < SHORT || rows.rows > 16384 ? 0 : cut ? 2 : 1;
  return [found[first], ...found.filter((_, i) => i !== first)];
}

/** Calls `visit` with the offset of every element in scan order; `isFirst` marks the start of a row. */
function eachInOrder(shape: Shape, { axis, reverse }: ScanAttrs, visit: (at: number, isFirst: boolean) => void): void {
  const { rows, length, stride } = rowsAlong(shape, axis);
  for (let row = 0; row < rows; row++) {
    const start = rowOffset({ length, stride }, row);
    for (let i = 0; i < length; i++) visit(start + (reverse ? length - 1 - i : i) * stride, i === 0);
  }
}

export const cumsumOp: KernelOp<ScanAttrs> = {
  name: 'cumsum',
  kind: 'kernels',
  stores: true,
  infer([x]) {
    expectDType('cumsum', 'x', x, 'f32', 'f16', 'i32', 'u32');
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  cpu({ inputs: [x], outputs: [y], inputSpecs, attrs }) {
    let total = 0;
    eachInOrder(inputSpecs[0].shape, attrs, (at, isFirst) => {
      const before = isFirst ? 0 : total;
      total = before + x[at];
      y[at] = attrs.exclusive ? before : total;
    });
  },
  gpu: (call) => variants('sum', call),
  vjp: ({ gradients: [g], attrs }) => [applyOne(cumsumOp, [g!], { ...attrs, reverse: !attrs.reverse })],
  onnx: inHeldType((graph, [x], { attrs: { axis, exclusive, reverse }, outputs: [{ dtype }] }) => {
    const options = { exclusive: Number(exclusive), reverse: Number(reverse) };
    const y = graph.node('CumSum', [x, graph.number(axis, 'i64')], options);
    return dtype === 'u32' ? graph.node('Mod', [y, graph.number(2 ** 32, 'i64')]) : y;
  }),
};

/** s[i] = a[i] · s[i-1] + b[i] along an axis, from s[-1] = 0 (with `reverse`, from the other end). */
export const recurrenceOp: KernelOp<ScanAttrs> = {
  name: 'recurrence',
  kind: 'kernels',
  stores: true,
  infer([{ shape, dtype }]) {
    return [{ shape, dtype }];
  },
  cpu({ inputs: [a, b], outputs: [y], inputSpecs, attrs }) {
    let state = 0;
    eachInOrder(inputSpecs[0].shape, attrs, (at, isFirst) => {
      state = isFirst ? b[at] : a[at] * state + b[at];
      y[at] = state;
    });
  },
  gpu: (call) => variants('recurrence', call),
  // With the state's gradient d[i] = g[i] + a[i+1] · d[i+1], b gets d and a gets d[i] · s[i-1].
  vjp({ inputs: [a], outputs: [s], gradients: [g], attrs: { axis, reverse } }) {
    const d = recurrence(shifted(a, axis, !reverse), g!, axis, !reverse);
    return [mul(d, shifted(s, axis, reverse)), d];
  },
  flops: ([a]) => 2 * sizeOf(a.shape),
  onnx: {
    // Each pass combines elements a power of two apart (Hillis and Steele, 1986).
    as([a, b], { axis, reverse }) {
      let [factor, state] = [a, b];
      for (let by = 1; by < a.shape[axis]; by *= 2) {
        state = add(mul(factor, shifted(state, axis, reverse, by)), state);
        factor = mul(factor, shifted(factor, axis, reverse, by));
      }
      return state;
    },
  },
};

const recurrence = (a: Tensor, b: Tensor, axis: number, reverse: boolean): Tensor =>
  applyOne(recurrenceOp, [a, b], { axis, reverse, exclusive: false });

/** x shifted by `by` positions along `axis` in scan order; the first positions get 0. */
function shifted(x: Tensor, axis: number, reverse: boolean, by = 1): Tensor {
  const along = (value: number) => x.shape.map((_, i) => (i === axis ? value : 0));
  const ends = x.shape.map((dim, i) => (i === axis ? dim - by : dim));
  return reverse
    ? pad(slice(x, along(by), x.shape), along(0), along(by))
    : pad(slice(x, along(0), ends), along(by), along(0));
}

/** Options of a scan. */
export interface ScanOptions {
  /** Each result covers only the elements before its own. */
  readonly exclusive?: boolean;
  /** Runs from the last element to the first. */
  readonly reverse?: boolean;
}

/** Running sums of x (f32, f16, i32 or u32) along `axis`, as torch.cumsum. */
export function cumsum(x: Tensor, axis: number, { exclusive = false, reverse = false }: ScanOptions = {}): Tensor {
  return applyOne(cumsumOp, [x], { axis: resolveAxis('cumsum', axis, x.shape.length), exclusive, reverse });
}

/**
 * Running products of x (f32 or f16) along `axis`, as torch.cumprod. There is no division, so gradients of any order are
 * correct even with zeros.
 */
export function cumprod(x: Tensor, axis: number, { exclusive = false, reverse = false }: ScanOptions = {}): Tensor {
  expectDType('cumprod', 'x', x, 'f32', 'f16');
  const along = resolveAxis('cumprod', axis, x.shape.length);
  if (x.size === 0) return x;
  // p[i] = x[i-1] · p[i-1], starting from 1.
  const rest = x.shape.map((dim, i) => (i === along ? dim - 1 : 0));
  const none = x.shape.map(() => 0);
  const one = fill(x.shape.map((dim, i) => (i === along ? 1 : dim)), 1, x.dtype); // prettier-ignore
  const first = reverse ? pad(one, rest, none) : pad(one, none, rest);
  const before = recurrence(shifted(x, along, reverse), first, along, reverse);
  return exclusive ? before : mul(x, before);
}

/** For each element of x the product of all others along `axes`. */
export function productOfOthers(x: Tensor, axes: readonly number[]): Tensor {
  const kept = x.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const order = [...kept, ...axes];
  const moved = permute(x, order);
  const rows = reshape(moved, [...kept.map((axis) => x.shape[axis]), sizeOf(axes.map((axis) => x.shape[axis]))]);
  const [before, after] = [false, true].map((reverse) => cumprod(rows, -1, { exclusive: true, reverse }));
  const back = x.shape.map((_, axis) => order.indexOf(axis));
  return permute(reshape(mul(before, after), moved.shape), back);
}
