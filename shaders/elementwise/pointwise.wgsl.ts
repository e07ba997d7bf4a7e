// Chains of elementwise ops (chain.wgsl.ts): as a kernel of their own, or as the epilogue of another kernel.
//
// single    a thread computes one element of every output, or several, a workgroup's width apart: on a software adapter,
//           starting a workgroup costs more than several elements.
// fours     the same with four neighbours per element. The chain is called for each, but contiguous elements are read and
//           stored as one vec4, and broadcast ones are read once: software adapters spend most of their time on loads and
//           stores. Neither kernel has barriers or workgroup memory.
// epilogue  `store_NAME`, through which a producer kernel writes its output, computes the chain while the value is in a register.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import {
  elementType,
  linearGrid,
  perThread,
  type Capabilities,
  type Kernel,
  type Variant,
} from '../../src/core/kernel.ts';
import { broadcastStrides, sizeOf } from '../../src/core/shape.ts';
import { LINEAR_WORKGROUP, linearLoop } from '../lib/grid.wgsl.ts';
import { inFours, stridedOffset } from '../lib/index.wgsl.ts';
import {
  chainFunction, elementOf, inputBinding, namesOf, outputBindings, type Chain, type ChainInput,
} from './chain.wgsl.ts'; // prettier-ignore

/** A chain with a kernel of its own. */
export interface PointwiseShape extends Chain {
  /** The number of chains that it was merged from, on tensors stored side by side. */
  readonly members?: number;
}

const nameOf = (s: PointwiseShape) => `pointwise.${namesOf(s)}${s.members ? ` × ${s.members}` : ''}`;

/** The variant `single`. */
export function pointwiseSingle(s: PointwiseShape, capabilities: Capabilities): Kernel {
  const count = sizeOf(s.shape);
  const each = perThread(count, LINEAR_WORKGROUP, capabilities);
  const load = (input: ChainInput) => (input.alias === null ? elementOf(s, input) : `out${input.alias}[index]`);
  return {
    name: nameOf(s),
    inputs: s.inputs.map((input) => inputBinding(input)),
    outputs: outputBindings(s, false),
    workgroups: linearGrid(Math.ceil(count / each), LINEAR_WORKGROUP),
    wgsl: wgsl`
${chainFunction(s, load)}
${linearLoop(count, each, storeOne(s, 'chain(index)'))}
`,
  };
}

/** The variant `fours`. The last four may extend past the tensors' ends. */
export function pointwiseFours(s: PointwiseShape, capabilities: Capabilities): Kernel {
  const count = Math.ceil(sizeOf(s.shape) / 4);
  const each = perThread(count, LINEAR_WORKGROUP, capabilities);
  const reads = new Map(s.inputs.map((input) => [input, readFour(s, input)]));
  const given = s.inputs.flatMap((input) => {
    const four = reads.get(input);
    return four ? [{ ...four, name: `given${input.at}`, type: elementType(input.dtype) }] : [];
  });
  const load = (input: ChainInput) => (reads.get(input) ? `given${input.at}` : elementOf(s, input));
  const one = (i: number) => given.map(({ name, same }) => (same ? name : `${name}[${i}]`));
  const statements = [
    ...given.map(({ name, read }) => `let ${name} = ${read};`),
    storeFour(s, (i) => `chain(${[`index * 4u + ${i}u`, ...one(i)].join(', ')})`),
  ];
  return {
    name: nameOf(s),
    inputs: s.inputs.map((input) => inputBinding(input, reads.get(input)?.same === false)),
    outputs: outputBindings(s, true),
    workgroups: linearGrid(Math.ceil(count / each), LINEAR_WORKGROUP),
    wgsl: wgsl`
${chainFunction(s, load, given.map(({ name, type }) => `${name}: ${type}`))}
${linearLoop(count, each, statements.join('\n  '))}
`, // prettier-ignore
  };
}

/**
 * WGSL that reads four neighbours of an input at once, in which `index` counts fours of elements: a vec4 or, with `same`, the
 * one element that all four read. Null if they are not contiguous.
 */
function readFour({ shape }: Chain, input: ChainInput): { read: string; same: boolean } | null {
  if (input.alias !== null) return { read: `out${input.alias}[index]`, same: false };
  const places = inFours(shape, broadcastStrides(input.shape, shape));
  return (
    places && { read: `in${input.at}[${stridedOffset('index', places.shape, places.strides)}]`, same: places.same }
  );
}

/**
 * A producer's `variant` with the chain `s` as its epilogue: the value that it would store enters the chain as `producer`, and
 * the chain's outputs are stored instead. The inputs of `s` follow the producer's `inputs`.
 */
export const withEpilogue = (variant: Variant, inputs: number, s: Chain): Variant => ({
  ...variant,
  kernels: variant.kernels.map((kernel) => {
    const [stored] = kernel.outputs;
    const bound = (ofChain: Kernel['inputs']) => [
      ...kernel.inputs.slice(0, inputs),
      ...ofChain,
      ...kernel.inputs.slice(inputs),
    ];
    if (!stored) return { ...kernel, inputs: bound(s.inputs.map(() => null)), outputs: s.outputs.map(() => null) };
    const wide = stored.type.startsWith('vec4');
    return {
      ...kernel,
      name: `${kernel.name}+${namesOf(s)}`,
      inputs: bound(s.inputs.map((input) => inputBinding(input))),
      outputs: outputBindings(s, wide),
      wgsl: kernel.wgsl + epilogueText(s, stored.name, stored.type, wide),
    };
  }),
});

/** `store_NAME`, for a value of `type`: a single one or, if `wide`, four at an index in fours. */
function epilogueText(s: Chain, name: string, type: string, wide: boolean): string {
  const load = (input: ChainInput) => {
    if (input.alias === null) return elementOf(s, input);
    return wide ? `out${input.alias}[index >> 2u][index & 3u]` : `out${input.alias}[index]`;
  };
  const store = wide
    ? storeFour(s, (i) => `chain(index * 4u + ${i}u, f32(value[${i}]))`)
    : storeOne(s, 'chain(index, f32(value))');
  return wgsl`
${chainFunction(s, load, ['producer: f32'])}
fn store_${name}(index: u32, value: ${type}) {
  ${store}
}
`;
}

/** Statements that store the results of `call`, the chain's for element `index`. */
const storeOne = ({ outputs }: Chain, call: string): string =>
  [`let result = ${call};`, ...outputs.map((_, i) => `out${i}[index] = result.out${i};`)].join('\n  ');

/** Statements that store the results of `call(i)`, the chain's for elements 4 · `index` + i. */
const storeFour = ({ outputs }: Chain, call: (i: number) => string): string =>
  [
    ...[0, 1, 2, 3].map((i) => `let r${i} = ${call(i)};`),
    ...outputs.map(({ dtype }, o) => {
      const four = [0, 1, 2, 3].map((i) => `r${i}.out${o}`).join(', ');
      return `out${o}[index] = vec4<${elementType(dtype)}>(${four});`;
    }),
  ].join('\n  ');
