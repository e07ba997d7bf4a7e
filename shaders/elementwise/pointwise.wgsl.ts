// Chains of elementwise expressions: as a kernel of their own, or as the end of another kernel.
//
// single    a thread computes one element of every output, or several that lie a workgroup apart: starting a workgroup costs a
//           software adapter more than some elements do.
// fours     the same with four neighbours for an element. The chain is called for each of them, but what lies side by side is
//           read and stored as one vec4, and what is the same for all four is read once: software adapters spend most of their
//           time on loads and stores. Both kernels have no barrier and no workgroup memory.
// epilogue  `store_NAME`, through which a producer kernel writes its output, computes the chain while the value is in a register.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearLoop } from '../lib/grid.wgsl.ts';

/** One output of a chain: its buffer, the type of an element, and the expression that is stored. */
export interface ChainResult {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

/** The chain for one element, of which `statements` and `results` may use `index` and the parameters. */
export interface ChainText {
  /** WGSL functions that the statements call. */
  readonly helpers: string;
  readonly statements: readonly string[];
  readonly results: readonly ChainResult[];
}

/** What is read for four neighbours at once and given to the chain as parameter `name`. */
export interface GivenInput {
  readonly name: string;
  /** The type of one element. */
  readonly type: string;
  /** WGSL, in which `index` counts fours of elements: a vec4 or, with `same`, the one element that all of them read. */
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

/** Statements that compute and store element `index`; `args` are the chain's besides. */
const storeOne = (results: readonly ChainResult[], args: readonly string[]): string =>
  [
    `let result = chain(${['index', ...args].join(', ')});`,
    ...results.map(({ name }) => `${name}[index] = result.${name};`),
  ].join('\n  ');

/** Statements that compute and store elements 4 · `index` to 4 · `index` + 3; `args` are the chain's for one of them. */
const storeFour = (results: readonly ChainResult[], args: (i: number) => readonly string[]): string =>
  [
    ...[0, 1, 2, 3].map((i) => `let r${i} = chain(${[`index * 4u + ${i}u`, ...args(i)].join(', ')});`),
    ...results.map(
      ({ name, type }) => `${name}[index] = vec4<${type}>(r0.${name}, r1.${name}, r2.${name}, r3.${name});`,
    ),
  ].join('\n  ');

/**
 * Computes `count` elements or fours of them, as `width` says, `perThread` by each thread. Of the last four some may lie
 * beyond the tensors' ends.
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
 * `store_NAME` for a producer that stores single values or, when `vectorized`, four at a time at an index in fours; `type` is that of
 * what it stores, from which the chain goes on in f32 as `producer`.
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
