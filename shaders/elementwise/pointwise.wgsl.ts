// Chains of elementwise expressions: as a kernel of their own, or as the epilogue of another kernel.
//
// single    a thread computes one element of every output, or several, a workgroup's width apart: on a software adapter,
//           starting a workgroup costs more than several elements.
// fours     the same with four neighbours per element. The chain is called for each, but contiguous elements are read and
//           stored as one vec4, and broadcast ones are read once: software adapters spend most of their time on loads and
//           stores. Neither kernel has barriers or workgroup memory.
// epilogue  `store_NAME`, through which a producer kernel writes its output, computes the chain while the value is in a register.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearLoop } from '../lib/grid.wgsl.ts';

/** One output of a chain: its buffer, its element type, and the expression that is stored. */
export interface ChainResult {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

/** The chain for one element; `statements` and `results` may use `index` and the parameters. */
export interface ChainText {
  /** WGSL functions that the statements call. */
  readonly helpers: string;
  readonly statements: readonly string[];
  readonly results: readonly ChainResult[];
}

/** An input read for four neighbours at once and passed to the chain as parameter `name`. */
export interface GivenInput {
  readonly name: string;
  /** The type of one element. */
  readonly type: string;
  /** WGSL in which `index` counts fours of elements: a vec4 or, with `same`, the one element that all four read. */
  readonly read: string;
  readonly same: boolean;
}

const chainFunction = ({ helpers, statements, results }: ChainText, parameters: readonly string[]): string => wgsl`
${helpers}
struct Results { ${results.map(({ name, type }) => `${name}: ${type}`).join(', ')} }
fn chain(${['index: u32', ...parameters].join(', ')}) -> Results {
  ${statements.join('\n  ')}
  return Results(${results.map(({ value }) => value).join(', ')});
}
`;

/** Statements that compute and store element `index`; `args` are the chain's further arguments. */
const storeOne = (results: readonly ChainResult[], args: readonly string[]): string =>
  [
    `let result = chain(${['index', ...args].join(', ')});`,
    ...results.map(({ name }) => `${name}[index] = result.${name};`),
  ].join('\n  ');

/** Statements that compute and store elements 4 · `index` to 4 · `index` + 3; `args` are the chain's arguments for each. */
const storeFour = (results: readonly ChainResult[], args: (i: number) => readonly string[]): string =>
  [
    ...[0, 1, 2, 3].map((i) => `let r${i} = chain(${[`index * 4u + ${i}u`, ...args(i)].join(', ')});`),
    ...results.map(
      ({ name, type }) => `${name}[index] = vec4<${type}>(r0.${name}, r1.${name}, r2.${name}, r3.${name});`,
    ),
  ].join('\n  ');

/**
 * Computes `count` elements, or fours of elements, depending on `width`, with `perThread` per thread. The last four may
 * extend past the tensors' ends.
 */
export function pointwiseKernel(
  width: 1 | 4,
  count: number,
  perThread: number,
  chain: ChainText,
  given: readonly GivenInput[],
): string {
  const argument = ({ name, same }: GivenInput, i: number) => (same ? name : `${name}[${i}]`);
  const body = [
    ...given.map(({ name, read }) => `let ${name} = ${read};`),
    width === 1 ? storeOne(chain.results, []) : storeFour(chain.results, (i) => given.map((one) => argument(one, i))),
  ].join('\n  ');
  return wgsl`
${chainFunction(
  chain,
  given.map(({ name, type }) => `${name}: ${type}`),
)}
${linearLoop(count, perThread, body)}
`;
}

/**
 * `store_NAME` for a producer that stores single values or, if `vectorized`, four at a time at an index in fours; the values,
 * of `type`, enter the chain in f32 as `producer`.
 */
export const epilogueFunctions = (
  producer: { readonly name: string; readonly type: string },
  vectorized: boolean,
  chain: ChainText,
): string => wgsl`
${chainFunction(chain, ['producer: f32'])}
#if ${vectorized}
fn store_${producer.name}(index: u32, value: ${producer.type}) {
  ${storeFour(chain.results, (i) => [`f32(value[${i}])`])}
}
#else
fn store_${producer.name}(index: u32, value: ${producer.type}) {
  ${storeOne(chain.results, ['f32(value)'])}
}
#endif
`;
