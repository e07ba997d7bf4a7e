// Gradients of attention with the matrices of weights and of their changes in memory (`scores`): first choice on software adapters,
// as for the forward pass (attention-scores.wgsl.ts). All products are matmul's `register`. Letters as in attention-grad.wgsl.ts.
//
// weights  q · kᵀ, stored as p: the statistics of the forward pass are at hand.
// changes  dp = g · vᵀ, stored as scale · ds.
// query    dq = ds · k
// key      dk = dsᵀ · q
// dropped  p, times what dropout made of it
// value    dv = pᵀ · g
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { keyGradientType } from './attention-grad.wgsl.ts';
import { headsProduct, pairOf, scoresProduct } from './attention-scores.wgsl.ts';
import { groupOf, isLive, scoreFunctions, type AttentionShape } from './attention.wgsl.ts';
import { linearMain } from './lib/grid.wgsl.ts';
import { f32Literal } from './lib/literal.wgsl.ts';
import { matmulRegisterKernel, type RegisterBlock } from './matmul-register.wgsl.ts';
import { vectorizedC, type MatmulShape } from './matmul.wgsl.ts';

/** Numbers in each of the two matrices. */
export const pairsOf = (s: AttentionShape): number => s.batch * s.heads * s.rows * s.keys;

/** g is a, v is b. */
export const changesProduct = (s: AttentionShape): MatmulShape => headsProduct(s, s.keys, s.width, true);
/** ds is a, k is b. */
export const queryProduct = (s: AttentionShape): MatmulShape => headsProduct(s, s.depth, s.keys, false);
/** A matrix of pairs is a, and q or g, with rows of `columns`, is b. The rows of all heads that share a key lie one after the other. */
export function keyProduct(s: AttentionShape, columns: number): MatmulShape {
  const terms = groupOf(s) * s.rows;
  return {
    m: s.keys,
    n: columns,
    k: terms,
    batch: [s.batch * s.keyHeads],
    batchStridesA: [terms * s.keys],
    batchStridesB: [terms * columns],
    transposeA: true,
    transposeB: false,
    type: 'f32',
  };
}

/** The type of what products of `wide` rows store at once. */
const number = (wide: boolean, type = 'f32') => (wide ? `vec4<${type}>` : type);

export function weightsKernel(s: AttentionShape, block: RegisterBlock): string {
  const product = scoresProduct(s);
  const wide = vectorizedC(product);
  return wgsl`
${scoreFunctions({ ...s, numbers: null }, wide)}
fn store_c(index: u32, value: ${number(wide)}) {
  ${pairOf(s, wide)}
  let score = ${wide ? 'score_four' : 'score_of'}(batch, head, row, key, value);
  let weight = exp(score - statistics[place * 3u]) * statistics[place * 3u + 1u];
  weights[index] = select(${number(wide)}(0.0), weight, ${isLive('score', wide)});
}
${matmulRegisterKernel(product, block)}
`;
}

export function changesKernel(s: AttentionShape, block: RegisterBlock): string {
  const product = changesProduct(s);
  const wide = vectorizedC(product);
  return wgsl`
${scoreFunctions({ ...s, mask: null }, wide)}
fn store_c(index: u32, value: ${number(wide)}) {
  ${pairOf(s, wide)}
  let change = value * ${wide ? 'kept_four' : 'kept'}(batch, head, row, key) - statistics[place * 3u + 2u];
  changes[index] = weights[index] * change * ${f32Literal(s.scale)};
}
${matmulRegisterKernel(product, block)}
`;
}

export function queryKernel(s: AttentionShape, block: RegisterBlock): string {
  const product = queryProduct(s);
  const type = number(vectorizedC(product), s.half ? 'f16' : 'f32');
  return wgsl`
fn store_c(index: u32, value: ${number(vectorizedC(product))}) { dq[index] = ${type}(value); }
${matmulRegisterKernel(product, block)}
`;
}

/** The gradient of k or of v: `columns` numbers in each row of dkv, from `start` on. */
export function keyKernel(s: AttentionShape, columns: number, start: number, block: RegisterBlock): string {
  const product = keyProduct(s, columns);
  const wide = vectorizedC(product);
  const element = s.half ? 'f16' : 'f32';
  const stored = ['x', 'y', 'z', 'w'].map((part, i) => `dkv[at + ${i}u] = ${element}(value.${part});`).join(' ');
  return wgsl`
fn store_c(index: u32, value: ${number(wide)}) {
  let first = index${wide ? ' * 4u' : ''};
  let at = first / ${columns}u * ${s.depth + s.width}u + ${start}u + first % ${columns}u;
#if ${!wide}
  dkv[at] = ${element}(value);
#elif ${keyGradientType(s).startsWith('vec4')}
  dkv[at >> 2u] = vec4<${element}>(value);
#else
  ${stored}
#endif
}
${matmulRegisterKernel(product, block)}
`;
}

export const droppedKernel = (s: AttentionShape): string => wgsl`
${scoreFunctions({ ...s, mask: null })}
${linearMain(pairsOf(s))}
  ${pairOf(s, false)}
  weights[index] *= kept(batch, head, row, key);
}
`;
