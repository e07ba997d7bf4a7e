// A chain of elementwise ops as one WGSL function, `chain(index, …)`, which computes all of them for one element.
//
// Each op is a statement: `x3` is an element of input 3, `v0` the result of op 0, and `out0` an output. f16 is computed in f32,
// and bool as a WGSL bool.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { DType } from '../../src/core/dtype.ts';
import { elementType, type Binding } from '../../src/core/kernel.ts';
import type { PointwiseOp } from '../../src/core/op.ts';
import { broadcastStrides, type Shape } from '../../src/core/shape.ts';
import type { TensorSpec } from '../../src/core/tensor.ts';
import { elements } from '../lib/bindings.ts';
import { stridedOffset } from '../lib/index.wgsl.ts';
import { literal } from '../lib/literal.wgsl.ts';

/** Where an argument comes from: an input of the fused node, an earlier op of its chain, the producer's output, or a number. */
export type Argument =
  | { readonly from: 'input' | 'chain'; readonly at: number; readonly dtype: DType }
  | { readonly from: 'producer'; readonly dtype: DType }
  | { readonly from: 'number'; readonly value: number; readonly dtype: DType };

/** One elementwise op of a chain. */
export interface ChainOp {
  // oxlint-disable-next-line no-explicit-any -- see Op.
  readonly op: PointwiseOp<any>;
  readonly attrs: object;
  readonly args: readonly Argument[];
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A tensor that a chain reads. */
export interface ChainInput extends TensorSpec {
  /** Its number among the inputs of the fused node. */
  readonly at: number;
  /** The output that overwrites it in place: it is then bound as that output. */
  readonly alias: number | null;
}

/** A chain with its inputs and outputs. */
export interface Chain {
  /** Shape of every op. */
  readonly shape: Shape;
  readonly ops: readonly ChainOp[];
  readonly inputs: readonly ChainInput[];
  /** Values of the chain, or of the producer whose epilogue it is. */
  readonly outputs: readonly Argument[];
}

/** The names of a chain's ops, for its kernel. */
export const namesOf = ({ ops }: Chain): string => [...new Set(ops.map(({ op }) => op.name))].join('+');

const helpersOf = ({ ops }: Pick<Chain, 'ops'>) =>
  [...new Set(ops.map(({ op }) => op.pointwise.helpers ?? ''))].join('\n');

/**
 * `chain`, which returns the values to store as `Results`, and the functions that it calls. `load` is the expression that reads
 * an input, `parameters` are those of `chain` after `index`.
 */
export const chainFunction = (
  c: Chain,
  load: (input: ChainInput) => string,
  parameters: readonly string[] = [],
): string => wgsl`
${helpersOf(c)}
struct Results { ${c.outputs.map(({ dtype }, i) => `out${i}: ${elementType(dtype)}`).join(', ')} }
fn chain(${['index: u32', ...parameters].join(', ')}) -> Results {
  ${[...c.inputs.map((input) => `let x${input.at} = ${computed(load(input), input)};`), ...c.ops.map(statement)].join('\n  ')}
  return Results(${c.outputs.map(stored).join(', ')});
}
`;

/** The WGSL of the ops alone; null if it depends on the element's index, as random numbers do. */
export function opsText({ ops, outputs }: Pick<Chain, 'ops' | 'outputs'>): string | null {
  const statements = ops.map(statement);
  if (statements.some((text) => /\bindex\b/.test(text))) return null;
  return [helpersOf({ ops }), ...statements, ...outputs.map(stored)].join('\n');
}

function statement({ op, args, attrs }: ChainOp, at: number): string {
  const dtypes = args.map(({ dtype }) => dtype);
  return `let v${at} = ${op.pointwise.wgsl(args.map(expression), attrs, dtypes)};`;
}

function expression(arg: Argument): string {
  switch (arg.from) {
    case 'number':
      return literal(arg.value, arg.dtype === 'f16' ? 'f32' : arg.dtype);
    case 'producer':
      return 'producer';
    case 'input':
      return `x${arg.at}`;
    case 'chain':
      return `v${arg.at}`;
  }
}

/** A stored value in the type that it is computed in. */
const computed = (value: string, { dtype }: TensorSpec) =>
  dtype === 'bool' ? `${value} != 0u` : dtype === 'f16' ? `f32(${value})` : value;

/** An argument in the type that it is stored in. */
function stored(arg: Argument): string {
  const value = expression(arg);
  return arg.dtype === 'bool' ? `select(0u, 1u, ${value})` : arg.dtype === 'f16' ? `f16(${value})` : value;
}

/** The binding of an input, of vec4s if `wide`; null for one that an output overwrites in place. */
export const inputBinding = ({ at, alias, dtype }: ChainInput, wide = false): Binding | null =>
  alias === null ? { name: `in${at}`, type: elements(elementType(dtype), wide) } : null;

/** The bindings of the outputs, of vec4s if `wide`. */
export const outputBindings = ({ outputs }: Chain, wide: boolean): Binding[] =>
  outputs.map(({ dtype }, i) => ({ name: `out${i}`, type: elements(elementType(dtype), wide) }));

/** The element of an input, broadcast to the chain's shape, at `index`. */
export const elementOf = ({ shape }: Chain, input: ChainInput): string =>
  `in${input.at}[${stridedOffset('index', shape, broadcastStrides(input.shape, shape))}]`;
