// Rotary positions: queries and keys are rotated by their position, so that their products depend only on the distance.

import { rotaryPairs } from '../../../shaders/attention/rotary.wgsl.ts';
import { floatType } from '../../core/kernel.ts';
import type { OnnxCall, OnnxGraph, OnnxValue } from '../../core/onnx.ts';
import { applyOne, expectDType, type KernelOp } from '../../core/op.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import { Constant, fill, type Tensor, type TensorSpec } from '../../core/tensor.ts';
import { nest } from '../lib/onnx.ts';

interface RotaryAttrs {
  readonly pairs: number;
  readonly interleaved: boolean;
  readonly inverse: boolean;
}

export interface RotaryOptions {
  /** Pair i of n rotates by base^(-i/n) per position. */
  readonly base?: number;
  /** Angle of each pair per position, instead of those of `base`; twice as many values rotate. */
  readonly frequencies?: readonly number[];
  /** How many values of the last axis rotate; all by default. The others are unchanged. */
  readonly size?: number;
  /** True pairs neighbours, as in RoFormer, GPT-J and Llama; false x[i] and x[i + n], as in GPT-NeoX and Hugging Face. */
  readonly interleaved?: boolean;
  /** The position of the first row: a number or, for decoding, a single i32 or u32 such as a Scalar. */
  readonly offset?: number | Tensor;
  /** The position of each row, i32 or u32 [T], instead of offset + 0, 1, … Positions must not be negative. */
  readonly positions?: Tensor;
}

/** The upper 32 bits of a · b, exact except for the last two: the same as in the kernel. */
function upper(a: number, b: number): number {
  const [ah, al, bh, bl] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  return (Math.imul(ah, bh) + (Math.imul(ah, bl) >>> 16) + (Math.imul(al, bh) >>> 16)) >>> 0;
}

const perRow = (position: TensorSpec): boolean => position.shape.length === 1;

/** Angle of a pair at a position, in units of 2⁻³² turns. */
const turnOf = (at: number, high: number, low: number): number => (Math.imul(at, high) + upper(at, low)) >>> 0;

/** Cosines and sines of each row's and pair's angle, f32 [T, pairs], from the same integers in int64. */
function rotaryTables(graph: OnnxGraph, { inputs, tensors: [x, steps, position], attrs }: OnnxCall<RotaryAttrs>) {
  const { pairs, inverse } = attrs;
  const rows = x.shape.at(-2)!;
  const words = (steps as Constant).data;
  const word = (k: number) => graph.ints(Array.from({ length: pairs }, (_, pair) => words[2 * pair + k]));
  const places = graph.cast(inputs[2], 'i64');
  const at = graph.reshape(perRow(position) ? places : graph.node('Add', [places, graph.range(rows)]), [rows, 1]);
  const whole = graph.number(2 ** 32, 'i64');
  const half = graph.number(2 ** 31, 'i64');
  const sum = nest(graph, ['Add', ['Mul', at, word(0)], ['Div', ['Mul', at, word(1)], whole]]);
  // In (-1/2, 1/2] turns, where f32 is more precise.
  const turn = nest(graph, ['Sub', ['Mod', ['Add', sum, half], whole], half]);
  const angle = graph.node('Mul', [graph.cast(turn, 'f32'), graph.number((2 * Math.PI) / 2 ** 32, 'f32')]);
  const sine = graph.node('Sin', [angle]);
  return [graph.node('Cos', [angle]), inverse ? graph.node('Neg', [sine]) : sine];
}

/** Rotates pairs by tables of cosines and sines. */
function rotaryOnnx(graph: OnnxGraph, call: OnnxCall<RotaryAttrs>): OnnxValue {
  const { inputs: [x], tensors: [{ shape, dtype }], attrs: { pairs, interleaved } } = call; // prettier-ignore
  const tables = rotaryTables(graph, call);
  const depth = shape.at(-1)!;
  const last = graph.ints([-1]);
  const part = (of: OnnxValue, from: number, to: number) =>
    graph.node('Slice', [of, graph.ints([from]), graph.ints([to]), last]);
  const turning = 2 * pairs < depth ? part(x, 0, 2 * pairs) : x;
  const wide = dtype === 'f16' ? graph.cast(turning, 'f32') : turning;
  // The members of each pair along an axis of their own.
  const outer = shape.slice(0, -1);
  const apart = graph.reshape(wide, [...outer, ...(interleaved ? [pairs, 2] : [2, pairs])]);
  const axis = interleaved ? shape.length : shape.length - 1;
  const member = (i: number) => graph.node('Gather', [apart, graph.number(i, 'i64')], { axis });
  const [a, b, c, s] = [member(0), member(1), ...tables];
  const first = nest(graph, ['Sub', ['Mul', a, c], ['Mul', b, s]]);
  const second = nest(graph, ['Add', ['Mul', b, c], ['Mul', a, s]]);
  const lifted = [first, second].map((one) => graph.node('Unsqueeze', [one, graph.ints([axis])]));
  const joined = graph.reshape(graph.node('Concat', lifted, { axis }), [...outer, 2 * pairs]);
  const turned = dtype === 'f16' ? graph.cast(joined, 'f16') : joined;
  return 2 * pairs < depth ? graph.node('Concat', [turned, part(x, 2 * pairs, depth)], { axis: -1 }) : turned;
}

export const rotaryOp: KernelOp<RotaryAttrs> = {
  name: 'rotary',
  kind: 'kernels',
  stores: true,
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  cpu({ inputs: [x, steps, position], outputs: [y], inputSpecs, attrs: { pairs, interleaved, inverse } }) {
    const { shape } = inputSpecs[0];
    const [rows, depth] = shape.slice(-2);
    for (let row = 0; row < sizeOf(shape.slice(0, -1)); row++) {
      const at = (perRow(inputSpecs[2]) ? position[row % rows] : position[0] + (row % rows)) >>> 0;
      for (let d = 2 * pairs; d < depth; d++) y[row * depth + d] = x[row * depth + d];
      for (let pair = 0; pair < pairs; pair++) {
        const turn = turnOf(at, steps[2 * pair], steps[2 * pair + 1]);
        const angle = (2 * Math.PI * turn) / 2 ** 32;
        const [c, s] = [Math.cos(angle), inverse ? -Math.sin(angle) : Math.sin(angle)];
        const first = row * depth + (interleaved ? 2 * pair : pair);
        const second = first + (interleaved ? 1 : pairs);
        y[first] = x[first] * c - x[second] * s;
        y[second] = x[second] * c + x[first] * s;
      }
    }
  },
  gpu({ inputs: [x, , position], attrs }) {
    const [rows, depth] = x.shape.slice(-2);
    const types = { type: floatType(x.dtype), position: position.dtype === 'i32' ? 'i32' : 'u32' } as const;
    const shape = { ...attrs, ...types, size: sizeOf(x.shape), rows, depth, perRow: perRow(position) };
    return [{ name: 'gather', kernels: [rotaryPairs(shape)] }];
  },
  vjp: ({ inputs: [, ...others], gradients: [g], attrs }) => [
    applyOne(rotaryOp, [g!, ...others], { ...attrs, inverse: !attrs.inverse }),
    null,
    null,
  ],
  onnx: rotaryOnnx,
  flops: ([x]) => 3 * sizeOf(x.shape),
}; // prettier-ignore

/** Angle per position of each pair as a fraction of a turn: its upper and lower 32 bits. */
function stepsOf(frequencies: readonly number[]): Constant {
  const words = frequencies.flatMap((frequency) => {
    const scaled = ((((frequency / (2 * Math.PI)) % 1) + 1) % 1) * 2 ** 32;
    return [Math.floor(scaled), Math.floor((scaled - Math.floor(scaled)) * 2 ** 32)];
  });
  return new Constant([frequencies.length, 2], 'u32', Uint32Array.from(words));
}

/**
 * Rotary positions of x [..., T, D], f32 or f16: each pair (a, b) of row t becomes (a cos θ − b sin θ, b cos θ + a sin θ),
 * with θ its position times the pair's frequency. Angles are exact at any position.
 */
export function rotary(x: Tensor, options: RotaryOptions = {}): Tensor {
  const { base = 10000, interleaved = false, offset = 0, positions } = options;
  expectDType('rotary', 'x', x, 'f32', 'f16');
  const [rows, depth] = x.shape.slice(-2);
  const size = options.frequencies ? 2 * options.frequencies.length : (options.size ?? depth);
  if (x.shape.length < 2 || size % 2 !== 0 || size < 0 || size > depth) {
    throw new Error(`rotary: cannot rotate ${size} values of x ${formatShape(x.shape)}: needs an even number up to D, for x [..., T, D].`);
  }
  const position = positions ?? (typeof offset === 'number' ? fill([], offset, 'i32') : offset);
  expectDType('rotary', positions ? 'positions' : 'offset', position, 'i32', 'u32');
  if (positions ? positions.shape.length !== 1 || positions.size !== rows : position.shape.length !== 0) {
    const found = formatShape(position.shape);
    throw new Error(`rotary: x ${formatShape(x.shape)} needs positions [${rows}] or an offset [], but got ${found}.`);
  }
  const pairs = size / 2;
  const frequencies = options.frequencies ?? Array.from({ length: pairs }, (_, i) => base ** (-i / pairs));
  return applyOne(rotaryOp, [x, stepsOf(frequencies), position], { pairs, interleaved, inverse: false });
} // prettier-ignore
