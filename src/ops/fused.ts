// Many elementwise ops as one kernel. The fusion pass makes these nodes; nobody writes them by hand.

import { LINEAR_WORKGROUP } from '../../shaders/lib/grid.wgsl.ts';
import { stridedOffset } from '../../shaders/lib/index.wgsl.ts';
import { literal } from '../../shaders/lib/literal.wgsl.ts';
import { pointwiseKernel } from '../../shaders/pointwise.wgsl.ts';
import { allocate, type DType } from '../core/dtype.ts';
import { linearGrid, type Binding } from '../core/kernel.ts';
import type { CpuArray, KernelCall, Op, Pointwise } from '../core/op.ts';
import { broadcastStrides, sizeOf, type Shape } from '../core/shape.ts';
import { elementType } from './element-type.ts';

/** Where an argument comes from: an input of the fused node, an earlier line of it, or a number. */
export type Argument =
  | { readonly input: number; readonly dtype: DType }
  | { readonly line: number; readonly dtype: DType }
  | { readonly value: number; readonly dtype: DType };

/** One elementwise op of a fused node. */
export interface Line {
  readonly op: Op;
  readonly attrs: object;
  readonly args: readonly Argument[];
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface FusedAttrs {
  /** Shape of every line. */
  readonly shape: Shape;
  readonly lines: readonly Line[];
  /** The lines that are outputs. */
  readonly outputs: readonly number[];
}

/** WGSL type in which a value is computed: f16 is computed in f32, and bool is a real bool. */
const computeType = (dtype: DType) => (dtype === 'f16' ? 'f32' : dtype);
const pointwiseOf = (line: Line): Pointwise<object> => line.op.pointwise!;

export const fusedOp: Op<FusedAttrs> = {
  name: 'fused',
  infer: (_inputs, { shape, lines, outputs }) => outputs.map((line) => ({ shape, dtype: lines[line].dtype })),
  inPlace: true,
  cpu({ inputs, outputs, inputSpecs, attrs: { shape, lines, outputs: outputLines } }) {
    const values: CpuArray[] = lines.map(({ dtype }) => allocate(dtype, sizeOf(shape)));
    lines.forEach((line, at) => {
      const constants = line.args.map((arg) => ('value' in arg ? Float64Array.of(arg.value) : null));
      line.op.cpu({
        inputs: line.args.map(
          (arg, k) => constants[k] ?? ('input' in arg ? inputs[arg.input] : values[(arg as { line: number }).line]),
        ),
        inputSpecs: line.args.map((arg) =>
          'input' in arg ? inputSpecs[arg.input] : { shape: 'value' in arg ? [] : shape, dtype: arg.dtype },
        ),
        outputs: [values[at]],
        outputSpecs: [line],
        attrs: line.attrs,
      });
    });
    outputLines.forEach((line, i) => outputs[i].set(values[line]));
  },
  gpu: (call) => [{ name: 'pointwise', kernels: [fusedKernel(call)] }],
  vjp: 'none',
  flops: (_inputs, [y], { lines }) => sizeOf(y.shape) * lines.length,
};

function fusedKernel({ inputs, outputs, attrs, aliases = [] }: KernelCall<FusedAttrs>) {
  const { shape, lines, outputs: outputLines } = attrs;
  const aliased = new Map(aliases.flatMap((input, output) => (input === null ? [] : [[input, output]])));
  const statements: string[] = [];
  inputs.forEach((input, i) => {
    const name = aliased.has(i) ? `out${aliased.get(i)}` : `in${i}`;
    const loaded = `${name}[${stridedOffset('index', shape, broadcastStrides(input.shape, shape))}]`;
    statements.push(
      `let x${i} = ${input.dtype === 'bool' ? `${loaded} != 0u` : input.dtype === 'f16' ? `f32(${loaded})` : loaded};`,
    );
  });
  lines.forEach((line, at) => {
    const args = line.args.map((arg) =>
      'input' in arg ? `x${arg.input}` : 'line' in arg ? `v${arg.line}` : literal(arg.value, computeType(arg.dtype)),
    );
    const dtypes = line.args.map((arg) => arg.dtype);
    statements.push(`let v${at} = ${pointwiseOf(line).wgsl(args, line.attrs, dtypes)};`);
  });
  outputLines.forEach((line, i) => {
    const { dtype } = lines[line];
    const stored = dtype === 'bool' ? `select(0u, 1u, v${line})` : dtype === 'f16' ? `f16(v${line})` : `v${line}`;
    statements.push(`out${i}[index] = ${stored};`);
  });
  const helpers = [...new Set(lines.map((line) => pointwiseOf(line).helpers ?? ''))].join('\n');
  const binding = (name: string, dtype: DType): Binding => ({ name, type: elementType(dtype) });
  return {
    name: `pointwise.${[...new Set(lines.map((line) => line.op.name))].join('+')}`,
    wgsl: pointwiseKernel(sizeOf(shape), helpers, statements),
    inputs: inputs.map((input, i) => (aliased.has(i) ? null : binding(`in${i}`, input.dtype))),
    outputs: outputs.map((output, i) => binding(`out${i}`, output.dtype)),
    workgroups: linearGrid(sizeOf(shape), LINEAR_WORKGROUP),
  };
}
