// Many elementwise ops as one kernel, or as the end of another op's kernel. The fusion pass makes these nodes.

import { LINEAR_WORKGROUP } from '../../../shaders/lib/grid.wgsl.ts';
import { inFours, stridedOffset } from '../../../shaders/lib/index.wgsl.ts';
import { literal } from '../../../shaders/lib/literal.wgsl.ts';
import {
  epilogueFunctions,
  pointwiseKernel,
  type ChainText,
  type GivenInput,
} from '../../../shaders/elementwise/pointwise.wgsl.ts';
import { allocate, type DType } from '../../core/dtype.ts';
import { linearGrid, perThread, type Binding, type Kernel, type Variant } from '../../core/kernel.ts';
import type { CpuArray, KernelCall, KernelOp, Op, PointwiseOp } from '../../core/op.ts';
import { broadcastStrides, sizeOf, type Shape } from '../../core/shape.ts';
import { elementType } from '../lib/element-type.ts';

/** Where an argument comes from: an input of the fused node, an earlier op of its chain, the producer's output, or a number. */
export type Argument =
  | { readonly from: 'input' | 'chain'; readonly at: number; readonly dtype: DType }
  | { readonly from: 'producer'; readonly dtype: DType }
  | { readonly from: 'number'; readonly value: number; readonly dtype: DType };

/** One elementwise op of a fused node. */
export interface ChainOp {
  // oxlint-disable-next-line no-explicit-any -- see Op.
  readonly op: PointwiseOp<any>;
  readonly attrs: object;
  readonly args: readonly Argument[];
  readonly shape: Shape;
  readonly dtype: DType;
}

/** The op whose kernel the chain ends (its epilogue): it takes the fused node's first inputs and gives one float output of its shape. */
export interface Producer {
  // oxlint-disable-next-line no-explicit-any -- see Op.
  readonly op: KernelOp<any>;
  readonly attrs: object;
  readonly inputs: number;
  readonly dtype: 'f32' | 'f16';
}

export interface FusedAttrs {
  /** Shape of every op, and of the producer's output. */
  readonly shape: Shape;
  readonly producer: Producer | null;
  readonly chain: readonly ChainOp[];
  /** What the node gives: values of the chain or of the producer. */
  readonly outputs: readonly Argument[];
  /** Of how many nodes it is made, where their tensors lie side by side. */
  readonly members?: number;
}

export const fusedOp: KernelOp<FusedAttrs> = {
  name: 'fused',
  kind: 'kernels',
  infer: (_inputs, { shape, outputs }) => outputs.map(({ dtype }) => ({ shape, dtype })),
  inPlaceFrom: ({ producer }) => producer?.inputs ?? 0,
  cpu({ inputs, outputs, inputSpecs, attrs: { shape, producer, chain, outputs: results } }) {
    const produced = allocate('f32', producer ? sizeOf(shape) : 0);
    const values: CpuArray[] = chain.map(({ dtype }) => allocate(dtype, sizeOf(shape)));
    const valuesOf = (arg: Argument): CpuArray => {
      if (arg.from === 'number') return Float64Array.of(arg.value);
      return arg.from === 'producer' ? produced : (arg.from === 'input' ? inputs : values)[arg.at];
    };
    const specOf = (arg: Argument) =>
      arg.from === 'input' ? inputSpecs[arg.at] : { shape: arg.from === 'number' ? [] : shape, dtype: arg.dtype };
    if (producer) {
      const outputSpecs = [{ shape, dtype: producer.dtype }];
      producer.op.cpu({ inputs, inputSpecs, outputs: [produced], outputSpecs, attrs: producer.attrs });
    }
    chain.forEach(({ op, args, attrs, ...spec }, at) => {
      const [values_, specs] = [args.map(valuesOf), args.map(specOf)];
      op.cpu({ inputs: values_, inputSpecs: specs, outputs: [values[at]], outputSpecs: [spec], attrs });
    });
    results.forEach((result, i) => outputs[i].set(valuesOf(result)));
  },
  gpu: (call) => (call.attrs.producer ? producerVariants(call, call.attrs.producer) : standAlone(call)),
  vjp: 'none',
  onnx: { none: 'Compilation makes it of other ops: export the function, not what was compiled.' },
  flops: (inputs, [y], { producer, chain }) =>
    sizeOf(y.shape) * chain.length + (producer?.op.flops?.(inputs.slice(0, producer.inputs), [y], producer.attrs) ?? 0),
};

/** Whether a call is of `fusedOp`. */
export const isFused = (call: {
  readonly op: Op;
  readonly attrs: object;
}): call is { op: typeof fusedOp; attrs: FusedAttrs } => call.op === fusedOp;

/** WGSL type in which a value is computed: f16 is computed in f32, and bool is a real bool. */
const computeType = (dtype: DType) => (dtype === 'f16' ? 'f32' : dtype);
const helpersOf = (chain: readonly ChainOp[]) =>
  [...new Set(chain.map(({ op }) => op.pointwise.helpers ?? ''))].join('\n');
const namesOf = (chain: readonly ChainOp[]) => [...new Set(chain.map(({ op }) => op.name))].join('+');

/** The chain's parameter that is input `i`. */
const givenName = (i: number) => `given${i}`;

/**
 * The WGSL of the chain alone: what it makes of an element of each input; null where that depends on the
 * element's place, as random numbers do.
 */
export function textOf({ chain, outputs }: FusedAttrs): string | null {
  const statements = chain.map(statementOf);
  if (statements.some((statement) => /\bindex\b/.test(statement))) return null;
  return [helpersOf(chain), ...statements, ...outputs.map(storedExpression)].join('\n');
}

/** For each input whose memory an output takes over, that output. */
const aliasedInputs = (aliases: readonly (number | null)[] = []) =>
  new Map(aliases.flatMap((input, output) => (input === null ? [] : [[input, output]])));

/** The chain's text for one element. Inputs in `given` are its parameters; the others it reads, at `index`. */
function chainOf(call: KernelCall<FusedAttrs>, given: ReadonlySet<number>, vectorized: boolean): ChainText {
  const { inputs, attrs, aliases } = call;
  const aliased = aliasedInputs(aliases);
  const first = attrs.producer?.inputs ?? 0;
  const loads = inputs.slice(first).map((input, k) => {
    const i = k + first;
    // An input in an output's memory is bound as that output, whose elements may be vectors.
    const loaded = given.has(i)
      ? givenName(i)
      : !aliased.has(i)
        ? `in${i}[${stridedOffset('index', attrs.shape, broadcastStrides(input.shape, attrs.shape))}]`
        : vectorized
          ? `out${aliased.get(i)}[index >> 2u][index & 3u]`
          : `out${aliased.get(i)}[index]`;
    return `let x${i} = ${input.dtype === 'bool' ? `${loaded} != 0u` : input.dtype === 'f16' ? `f32(${loaded})` : loaded};`;
  });
  const results = attrs.outputs.map((output, i) => ({
    name: `out${i}`,
    type: elementType(output.dtype),
    value: storedExpression(output),
  }));
  return { helpers: helpersOf(attrs.chain), statements: [...loads, ...attrs.chain.map(statementOf)], results };
}

function statementOf({ op, args, attrs }: ChainOp, at: number): string {
  const dtypes = args.map((arg) => arg.dtype);
  return `let v${at} = ${op.pointwise.wgsl(args.map(expression), attrs, dtypes)};`;
}

function expression(arg: Argument): string {
  switch (arg.from) {
    case 'number':
      return literal(arg.value, computeType(arg.dtype));
    case 'producer':
      return 'producer';
    case 'input':
      return `x${arg.at}`;
    case 'chain':
      return `v${arg.at}`;
  }
}

/** A value as it is stored. */
function storedExpression(arg: Argument): string {
  const value = expression(arg);
  return arg.dtype === 'bool' ? `select(0u, 1u, ${value})` : arg.dtype === 'f16' ? `f16(${value})` : value;
}

/** Bindings of inputs from `first` on, those in `vectors` as vec4; null for those in an output's memory. */
function inputBindings(
  { inputs, aliases }: KernelCall<FusedAttrs>,
  first: number,
  vectors: ReadonlySet<number> = new Set(),
): (Binding | null)[] {
  const aliased = aliasedInputs(aliases);
  return inputs
    .map(({ dtype }, i) => (aliased.has(i) ? null : { name: `in${i}`, type: boundType(dtype, vectors.has(i)) }))
    .slice(first);
}

const boundType = (dtype: DType, vector: boolean): Binding['type'] =>
  vector ? `vec4<${elementType(dtype)}>` : elementType(dtype);

/** Elements from which on it pays on software adapters to compile fours, which takes longer. */
const MANY = 2 ** 16;

function standAlone(call: KernelCall<FusedAttrs>): Variant[] {
  const { software } = call.capabilities;
  const size = sizeOf(call.attrs.shape);
  const variant = (width: 1 | 4): Variant => {
    return { name: width === 4 ? 'fours' : 'single', kernels: [pointwiseOfWidth(call, width)] };
  };
  if (!software) return [variant(4)];
  return size < MANY ? [variant(1), variant(4)] : [variant(4), variant(1)];
}

function pointwiseOfWidth(call: KernelCall<FusedAttrs>, width: 1 | 4): Kernel {
  const { shape, chain, outputs, members } = call.attrs;
  const count = Math.ceil(sizeOf(shape) / width);
  const each = perThread(count, LINEAR_WORKGROUP, call.capabilities);
  const given = width === 4 ? givenInputs(call) : new Map<number, GivenInput>();
  const vectors = new Set([...given].flatMap(([i, { same }]) => (same ? [] : [i])));
  const text = chainOf(call, new Set(given.keys()), width === 4);
  return {
    name: `pointwise.${namesOf(chain)}${members ? ` × ${members}` : ''}`,
    wgsl: pointwiseKernel(width, count, each, text, [...given.values()]),
    inputs: inputBindings(call, 0, vectors),
    outputs: outputs.map(({ dtype }, i) => ({ name: `out${i}`, type: boundType(dtype, width === 4) })),
    workgroups: linearGrid(Math.ceil(count / each), LINEAR_WORKGROUP),
  };
}

/** The inputs of which four neighbours are read at once. */
function givenInputs({ inputs, attrs: { shape }, aliases }: KernelCall<FusedAttrs>): Map<number, GivenInput> {
  const aliased = aliasedInputs(aliases);
  return new Map(
    inputs.flatMap((input, i): [number, GivenInput][] => {
      const about = { name: givenName(i), type: elementType(input.dtype) };
      if (aliased.has(i)) return [[i, { ...about, read: `out${aliased.get(i)}[index]`, same: false }]];
      const places = inFours(shape, broadcastStrides(input.shape, shape));
      if (!places) return [];
      const read = `in${i}[${stridedOffset('index', places.shape, places.strides)}]`;
      return [[i, { ...about, read, same: places.same }]];
    }),
  );
}

/** The producer's variants, with the kernel that stores its output storing the chain's values instead. */
function producerVariants(call: KernelCall<FusedAttrs>, producer: Producer): Variant[] {
  const { shape, chain } = call.attrs;
  const ofProducer: KernelCall<object> = {
    inputs: call.inputs.slice(0, producer.inputs),
    outputs: [{ shape, dtype: producer.dtype }],
    attrs: producer.attrs,
    capabilities: call.capabilities,
  };
  const extra = inputBindings(call, producer.inputs);
  return producer.op.gpu(ofProducer).map((variant) => ({
    ...variant,
    kernels: variant.kernels.map((kernel) => {
      const [stored] = kernel.outputs;
      const inputs = [
        ...kernel.inputs.slice(0, producer.inputs),
        ...extra.map((binding) => stored && binding),
        ...kernel.inputs.slice(producer.inputs),
      ];
      if (!stored) return { ...kernel, inputs, outputs: call.outputs.map(() => null) };
      const { outputs, wgsl } = storeLines(call, stored);
      return { ...kernel, name: `${kernel.name}+${namesOf(chain)}`, inputs, outputs, wgsl: kernel.wgsl + wgsl };
    }),
  }));
}

/** The bindings and functions with which a producer's kernel stores the chain's values. */
function storeLines(call: KernelCall<FusedAttrs>, stored: Binding): Pick<Kernel, 'outputs' | 'wgsl'> {
  const vectorized = stored.type.startsWith('vec4');
  return {
    outputs: call.attrs.outputs.map(({ dtype }, i) => ({ name: `out${i}`, type: boundType(dtype, vectorized) })),
    wgsl: epilogueFunctions(stored, vectorized, chainOf(call, new Set(), vectorized)),
  };
}
