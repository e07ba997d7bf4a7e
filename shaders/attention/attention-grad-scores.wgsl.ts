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
import { headsProduct, pairOf, pairsKernel, scoreAt, scoresProduct, stored } from './attention-scores.wgsl.ts';
import { groupOf, isLive, saveFunction, scoreFunctions, type AttentionShape } from './attention.wgsl.ts';
import { linearMain } from '../lib/grid.wgsl.ts';
import { f32Literal } from '../lib/literal.wgsl.ts';
import { matmulRegisterKernel, type RegisterBlock } from '../matmul/matmul-register.wgsl.ts';
import { vectorizedC, type MatmulShape } from '../matmul/matmul.wgsl.ts';

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

export const weightsKernel = (s: AttentionShape, block: RegisterBlock): string =>
  pairsKernel(
    s,
    scoresProduct(s),
    block,
    { ...s, numbers: null },
    (wide) => wgsl`
  let score = ${scoreAt(wide)};
  let weight = exp(score - statistics[place * 3u]) * statistics[place * 3u + 1u];
  weights[index] = select(${stored(wide)}(0.0), weight, ${isLive('score', wide)});`,
  );

export const changesKernel = (s: AttentionShape, block: RegisterBlock): string =>
  pairsKernel(
    s,
    changesProduct(s),
    block,
    { ...s, mask: null },
    (wide) => wgsl`
  let change = value * ${wide ? 'kept_four' : 'kept'}(batch, head, row, key) - statistics[place * 3u + 2u];
  changes[index] = weights[index] * change * ${f32Literal(s.scale)};`,
  );

export function queryKernel(s: AttentionShape, block: RegisterBlock): string {
  const product = queryProduct(s);
  const wide = vectorizedC(product);
  return wgsl`
fn store_c(index: u32, value: ${stored(wide)}) { dq[index] = ${stored(wide, s.half ? 'f16' : 'f32')}(value); }
${matmulRegisterKernel(product, block)}
`;
}

/** The gradient of k or of v: `columns` numbers in each row of dkv, from `start` on. */
export function keyKernel(s: AttentionShape, columns: number, start: number, block: RegisterBlock): string {
  const product = keyProduct(s, columns);
  const wide = vectorizedC(product);
  const stride = s.depth + s.width;
  return wgsl`
#if ${wide}
${saveFunction('row', columns, s.half, stride, start, 'dkv')}
fn store_c(index: u32, value: vec4<f32>) { save_row(index / ${columns / 4}u, index % ${columns / 4}u, value); }
#else
fn store_c(index: u32, value: f32) {
  dkv[index / ${columns}u * ${stride}u + ${start}u + index % ${columns}u] = ${s.half ? 'f16' : 'f32'}(value);
}
#endif
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
