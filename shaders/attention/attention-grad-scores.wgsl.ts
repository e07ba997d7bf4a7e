// Gradients of attention with the matrices of weights and of score gradients in memory (`scores`): first choice on software
// adapters, as in the forward pass (attention-scores.wgsl.ts). All products are matmul's `register`. Letters as in
// attention-grad.wgsl.ts.
//
// weights  q · kᵀ, stored as p by the statistics that the forward pass kept
// changes  dp = g · vᵀ, stored as scale · ds
// query    dq = ds · k
// key      dk = dsᵀ · q
// dropped  p times the factors of dropout
// value    dv = pᵀ · g
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Capabilities, type Kernel, type Variant } from '../../src/core/kernel.ts';
import { keyGradients, queryGradient } from './attention-grad.wgsl.ts';
import {
  bound,
  headsKernel,
  headsProduct,
  own,
  pairOf,
  pairsText,
  scoreAt,
  scoresProduct,
  stored,
} from './attention-scores.wgsl.ts';
import {
  attentionInputs,
  groupOf,
  isLive,
  saveFunction,
  scoreFunctions,
  type AttentionShape,
} from './attention.wgsl.ts';
import { LINEAR_WORKGROUP, linearMain } from '../lib/grid.wgsl.ts';
import { f32Literal } from '../lib/literal.wgsl.ts';
import type { MatmulShape } from '../matmul/matmul.wgsl.ts';

/** Numbers in each of the two matrices. */
export const pairsOf = (s: AttentionShape): number => s.batch * s.heads * s.rows * s.keys;

/** g is a, v is b. */
export const changesProduct = (s: AttentionShape): MatmulShape => headsProduct(s, s.keys, s.width, true);
/** ds is a, k is b. */
export const queryProduct = (s: AttentionShape): MatmulShape => headsProduct(s, s.depth, s.keys, false);
/** A matrix of pairs is a, and q or g, with rows of `columns`, is b. The rows of all heads that share a key are contiguous. */
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

/** What the kernels of a gradient are made from. */
interface Given {
  readonly s: AttentionShape;
  readonly inputs: readonly Binding[];
  /** Names of the record's inputs, then of the two matrices. */
  readonly names: readonly string[];
  readonly capabilities: Capabilities;
}

/** The variant `scores` of the record `name`: both matrices of pairs, and the kernels `last`, which compute its output. */
const gradientVariant =
  (name: string, last: (given: Given) => Kernel[]) =>
  (s: AttentionShape, capabilities: Capabilities): Variant => {
    const inputs = attentionInputs(s, true);
    const given = { s, inputs, names: [...inputs.map((one) => one.name), 'weights', 'changes'], capabilities };
    const matrix = { shape: [pairsOf(s)], dtype: 'f32' } as const;
    return {
      name: 'scores',
      kernels: [weightsKernel(name, given), changesKernel(name, given), ...last(given)],
      scratch: [matrix, matrix],
    };
  };

/** For the gradient of q. */
export const queryScores = gradientVariant('attentionGradQuery', (given) => [queryKernel(given)]);

/** For the gradients of k and v. */
export const keyScores = gradientVariant('attentionGradKey', (given) => [
  keyKernel(given, { name: 'key', columns: given.s.depth, start: 0, rows: 'q', matrix: 'changes' }),
  ...(given.s.numbers === 'dropout' ? [droppedKernel(given)] : []),
  keyKernel(given, { name: 'value', columns: given.s.width, start: given.s.depth, rows: 'g', matrix: 'weights' }),
]);

function weightsKernel(record: string, { s, inputs, names, capabilities }: Given): Kernel {
  const product = headsKernel(s, scoresProduct(s), capabilities);
  const weights = { name: 'weights', type: product.pairs };
  return {
    name: `${record}.weights`,
    wgsl: pairsText(
      s,
      product,
      { ...s, numbers: null },
      wgsl`
  let score = ${scoreAt(product.wide)};
  let weight = exp(score - statistics[place * 3u]) * statistics[place * 3u + 1u];
  weights[index] = select(${stored(product.wide)}(0.0), weight, ${isLive('score', product.wide)});`,
    ),
    // The scratch that a kernel writes comes last.
    inputs: bound(names.slice(0, -1), { ...own(inputs, 'statistics', 'mask'), q: product.a, k: product.b, weights }),
    outputs: [null],
    workgroups: product.workgroups,
  };
}

function changesKernel(record: string, { s, inputs, names, capabilities }: Given): Kernel {
  const product = headsKernel(s, changesProduct(s), capabilities);
  const weights = { name: 'weights', type: product.pairs };
  const changes = { name: 'changes', type: product.pairs };
  return {
    name: `${record}.changes`,
    wgsl: pairsText(
      s,
      product,
      { ...s, mask: null },
      wgsl`
  let change = value * ${product.wide ? 'kept_four' : 'kept'}(batch, head, row, key) - statistics[place * 3u + 2u];
  changes[index] = weights[index] * change * ${f32Literal(s.scale)};`,
    ),
    inputs: bound(names, { ...own(inputs, 'statistics', 'numbers'), g: product.a, v: product.b, weights, changes }),
    outputs: [null],
    workgroups: product.workgroups,
  };
}

function queryKernel({ s, names, capabilities }: Given): Kernel {
  const product = headsKernel(s, queryProduct(s), capabilities);
  const { wide } = product;
  return {
    name: 'attentionGradQuery.query',
    wgsl: wgsl`
fn store_c(index: u32, value: ${stored(wide)}) { dq[index] = ${stored(wide, s.half ? 'f16' : 'f32')}(value); }
${product.wgsl}
`,
    inputs: bound(names, { k: product.b, changes: { name: 'a', type: 'f32' } }),
    outputs: queryGradient(s),
    workgroups: product.workgroups,
  };
}

/** The gradient of k or of v: `columns` values in each row of dkv, from `start` on, as the product of `matrix` and `rows`. */
interface KeyPart {
  readonly name: 'key' | 'value';
  readonly columns: number;
  readonly start: number;
  readonly rows: 'q' | 'g';
  readonly matrix: 'changes' | 'weights';
}

function keyKernel({ s, names, capabilities }: Given, { name, columns, start, rows, matrix }: KeyPart): Kernel {
  const product = headsKernel(s, keyProduct(s, columns), capabilities);
  const stride = s.depth + s.width;
  return {
    name: `attentionGradKey.${name}`,
    wgsl: wgsl`
#if ${product.wide}
${saveFunction('row', columns, s.half, stride, start, 'dkv')}
fn store_c(index: u32, value: vec4<f32>) { save_row(index / ${columns / 4}u, index % ${columns / 4}u, value); }
#else
fn store_c(index: u32, value: f32) {
  dkv[index / ${columns}u * ${stride}u + ${start}u + index % ${columns}u] = ${s.half ? 'f16' : 'f32'}(value);
}
#endif
${product.wgsl}
`,
    inputs: bound(names, { [rows]: product.b, [matrix]: { name: 'a', type: 'f32' } }),
    outputs: keyGradients(s),
    workgroups: product.workgroups,
  };
}

const droppedKernel = ({ s, inputs, names }: Given): Kernel => ({
  name: 'attentionGradKey.dropped',
  wgsl: wgsl`
${scoreFunctions({ ...s, mask: null })}
${linearMain(pairsOf(s))}
  ${pairOf(s, false)}
  weights[index] *= kept(batch, head, row, key);
}
`,
  inputs: bound(names.slice(0, -1), { ...own(inputs, 'numbers'), weights: { name: 'weights', type: 'f32' } }),
  outputs: [null],
  workgroups: linearGrid(pairsOf(s), LINEAR_WORKGROUP),
});
