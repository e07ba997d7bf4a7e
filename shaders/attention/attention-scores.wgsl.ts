// Attention with the matrix of scores in memory (`scores`): first choice on software adapters, where a row of q and one of sums
// exceed a thread's registers, so that `serial` spends its time, and the compiler seconds, on spilling them.
//
// scores   q · kᵀ as matmul's `register`, with scale and mask in the epilogue
// weights  one thread per row: replaces each score by e^(score − largest), or 0 if dropped; largest and 1 / Σ follow all rows
// values   weights · v as matmul's `register`, divided by the row's sum in the epilogue
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Capabilities, type Kernel, type Variant } from '../../src/core/kernel.ts';
import {
  attentionInputs,
  attentionOutputs,
  groupOf,
  isLive,
  MASKED,
  rowAt,
  scoreFunctions,
  type AttentionShape,
} from './attention.wgsl.ts';
import { elements } from '../lib/bindings.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { addUp } from '../lib/rows.wgsl.ts';
import { matmulRegister, registerBlock } from '../matmul/matmul-register.wgsl.ts';
import { vectorizedC, type MatmulShape } from '../matmul/matmul.wgsl.ts';

/** A product of matrices [batch, heads, rows, terms] and [batch, keyHeads, …], stored as [batch, heads, rows, columns]. */
export function headsProduct(s: AttentionShape, columns: number, terms: number, transposeB: boolean): MatmulShape {
  const [ofA, ofB] = [s.rows * terms, terms * columns];
  return {
    m: s.rows,
    n: columns,
    k: terms,
    batch: [s.batch, s.keyHeads, groupOf(s)],
    batchStridesA: [s.heads * ofA, groupOf(s) * ofA, ofA],
    batchStridesB: [s.keyHeads * ofB, ofB, 0],
    transposeA: false,
    transposeB,
    type: 'f32',
  };
}

/** The two products: q is a and k is b of the first, weights are a and v is b of the second. */
export const scoresProduct = (s: AttentionShape): MatmulShape => headsProduct(s, s.keys, s.depth, true);
export const valuesProduct = (s: AttentionShape): MatmulShape => headsProduct(s, s.width, s.keys, false);

const rowsOf = (s: AttentionShape): number => s.batch * s.heads * s.rows;
/** Numbers of scratch: scores, then two numbers per row. */
export const scoresScratch = (s: AttentionShape): number => rowsOf(s) * (s.keys + 2);
/** Offset of a row's two numbers. */
const statistics = (s: AttentionShape, row: string): string => `${rowsOf(s) * s.keys}u + ${row} * 2u`;

/** The WGSL type that a product stores: a vec4 if `wide`, when its rows are whole vectors. */
export const stored = (wide: boolean, type: 'f32' | 'f16' = 'f32') => (wide ? (`vec4<${type}>` as const) : type);

/** Declares `batch`, `head`, `row` and `key` of the pair (four with `wide`) stored at `index`, and the row's flat index `place`. */
export const pairOf = (s: AttentionShape, wide: boolean): string => wgsl`
  let at = index${wide ? ' * 4u' : ''};
  let place = at / ${s.keys}u;
  let head = place / ${s.rows}u % ${s.heads}u;
  let batch = place / ${s.rows * s.heads}u;
#if ${wide}
  let row = vec4<u32>(${rowAt(s, 'place')});
  let key = at % ${s.keys}u + vec4<u32>(0u, 1u, 2u, 3u);
#else
  let row = ${rowAt(s, 'place')};
  let key = at % ${s.keys}u;
#endif
`;

/** A product of matrices of s, as matmul's `register`. */
export interface HeadsKernel {
  readonly wgsl: string;
  readonly workgroups: Kernel['workgroups'];
  /** Bindings of its operands, and the type of a matrix of pairs that it stores. */
  readonly a: Binding;
  readonly b: Binding;
  readonly pairs: Binding['type'];
  /** Whether it stores four neighbours at a time. */
  readonly wide: boolean;
}

export function headsKernel(s: AttentionShape, product: MatmulShape, capabilities: Capabilities): HeadsKernel {
  const { wgsl: text, inputs, workgroups } = matmulRegister(product, registerBlock(product, capabilities));
  const element = s.half ? 'f16' : 'f32';
  const wide = vectorizedC(product);
  return {
    wgsl: text,
    workgroups,
    a: { name: 'a', type: element },
    b: { name: 'b', type: elements(element, inputs[1]!.type.startsWith('vec4')) },
    pairs: elements('f32', wide),
    wide,
  };
}

/** `bindings` in the order of `names`; null for names without one. */
export const bound = (names: readonly string[], bindings: Readonly<Record<string, Binding>>): (Binding | null)[] =>
  names.map((name) => bindings[name] ?? null);

/** The `inputs` with one of these names. */
export const own = (inputs: readonly Binding[], ...names: string[]): Record<string, Binding> =>
  Object.fromEntries(inputs.filter(({ name }) => names.includes(name)).map((one) => [one.name, one]));

/**
 * A product whose result is a matrix of pairs: `store` stores `value` at `index`, using what pairOf declares and the
 * functions of `reads`.
 */
export const pairsText = (
  s: AttentionShape,
  product: HeadsKernel,
  reads: AttentionShape,
  store: string,
): string => wgsl`
${scoreFunctions(reads, product.wide)}
fn store_c(index: u32, value: ${stored(product.wide)}) {
  ${pairOf(s, product.wide)}
  ${store}
}
${product.wgsl}
`;

/** The score for a product that is stored. */
export const scoreAt = (wide: boolean): string => `${wide ? 'score_four' : 'score_of'}(batch, head, row, key, value)`;

/** The variant `scores`. */
export function attentionScores(s: AttentionShape, capabilities: Capabilities): Variant {
  const [inputs, outputs] = [attentionInputs(s), attentionOutputs(s)];
  const names = [...inputs.map(({ name }) => name), 'scores'];
  const none = outputs.map(() => null);
  const first = headsKernel(s, scoresProduct(s), capabilities);
  const last = headsKernel(s, valuesProduct(s), capabilities);
  const scores: Kernel = {
    name: 'attention.scores',
    // Dropout is applied to the weights.
    wgsl: pairsText(s, first, { ...s, numbers: null }, `scores[index] = ${scoreAt(first.wide)};`),
    inputs: bound(names, {
      ...own(inputs, 'mask'),
      q: first.a,
      k: first.b,
      scores: { name: 'scores', type: first.pairs },
    }),
    outputs: none,
    workgroups: first.workgroups,
  };
  const weights: Kernel = {
    name: 'attention.weights',
    wgsl: weightsText(s),
    inputs: bound(names, { ...own(inputs, 'numbers'), scores: { name: 'scores', type: 'f32' } }),
    outputs: none,
    workgroups: linearGrid(rowsOf(s), LINEAR_WORKGROUP),
  };
  const values: Kernel = {
    name: 'attention.values',
    wgsl: valuesText(s, last),
    inputs: bound(names, { v: last.b, scores: { name: 'a', type: 'f32' } }),
    outputs,
    workgroups: last.workgroups,
  };
  return {
    name: 'scores',
    kernels: [scores, weights, values],
    scratch: [{ shape: [scoresScratch(s)], dtype: 'f32' }],
  };
}

const weightsText = (s: AttentionShape): string => wgsl`
${scoreFunctions({ ...s, mask: null })}
${linearMain(rowsOf(s))}
  let row = index % ${s.rows}u;
  let head = (index / ${s.rows}u) % ${s.heads}u;
  let batch = index / ${s.rows * s.heads}u;
  var largest = ${MASKED};
  for (var key = 0u; key < ${s.keys}u * once; key++) { largest = max(largest, scores[index * ${s.keys}u + key]); }
  var total = 0.0;
  ${addUp(s.keys, 'weight', {
    i: 'key',
    statements: wgsl`
      let score = scores[index * ${s.keys}u + key];
      let weight = select(0.0, exp(score - largest), ${isLive('score')});
      scores[index * ${s.keys}u + key] = weight * kept(batch, head, row, key);`,
  })}
  let at = ${statistics(s, 'index')};
  scores[at] = largest;
  // A row that sees no key gives zeros.
  scores[at + 1u] = select(0.0, 1.0 / total, total > 0.0);
}
`;

const valuesText = (s: AttentionShape, { wide, wgsl: product }: HeadsKernel): string => wgsl`
fn store_c(index: u32, value: ${stored(wide)}) {
  let row = index ${wide ? '* 4u ' : ''}/ ${s.width}u;
  let at = ${statistics(s, 'row')};
  o[index] = ${stored(wide, s.half ? 'f16' : 'f32')}(value * a[at + 1u]);
  if (row * ${s.width}u == index ${wide ? '* 4u' : ''}) {
    sums[row * 2u] = a[at];
    sums[row * 2u + 1u] = a[at + 1u];
  }
}
${product}
`;
