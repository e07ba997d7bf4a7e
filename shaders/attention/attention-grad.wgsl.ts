// Gradients of attention without the matrix of scores in memory: weights are recomputed from q, k and the statistics that the
// forward pass kept. `statistics` holds three numbers per row: its largest score, 1 / Σ e^(score − largest), Σ g·o.
// (The first two as one logarithm would lose the sum next to scores such as -1e9.)
//
// With p the weights and dp = g · v: ds = p · (dp − Σ g·o), then dq = scale · ds · k and dk = scale · dsᵀ · q, dv = pᵀ · g.
// Here: `serial`, one thread per row of q or of k, or per element of the mask; no barriers. Tiles: attention-tile.wgsl.ts.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Binding, type Kernel } from '../../src/core/kernel.ts';
import { sizeOf } from '../../src/core/shape.ts';
import {
  attentionInputs,
  bindingType, groupOf, holdRow, isLive, loadFunction, productFunction, quads, rowOfIndex, saveFunction, scoreFunctions,
  type AttentionShape,
} from './attention.wgsl.ts'; // prettier-ignore
import { LINEAR_WORKGROUP, linearMain, turns } from '../lib/grid.wgsl.ts';
import { f32Literal } from '../lib/literal.wgsl.ts';

/** The load functions of all gradients. */
export const gradientLoads = (s: AttentionShape, four = false): string => wgsl`
${scoreFunctions(s, four)}
${loadFunction('q', s.depth)}
${loadFunction('k', s.depth)}
${loadFunction('v', s.width)}
${loadFunction('g', s.width)}
`;

export const queryGradient = (s: AttentionShape): Binding[] => [{ name: 'dq', type: bindingType(s.depth, s.half) }];

export const attentionGradQuerySerial = (s: AttentionShape): Kernel => ({
  name: 'attentionGradQuery.serial',
  inputs: attentionInputs(s, true),
  outputs: queryGradient(s),
  workgroups: linearGrid(s.batch * s.heads * s.rows, LINEAR_WORKGROUP),
  wgsl: wgsl`
${gradientLoads(s)}
${saveFunction('dq', s.depth, s.half)}
${productFunction('k', s.depth)}
${productFunction('v', s.width)}
${linearMain(s.batch * s.heads * s.rows)}
  ${rowOfIndex(s)}
  ${holdRow('query', 'q', s.depth, 'index')}
  ${holdRow('gradient', 'g', s.width, 'index')}
  var sum: array<vec4<f32>, ${quads(s.depth)}>;
  let end = keys_of(row);
  for (var key = 0u; key < end; key++) {
    let score = score_of(batch, head, row, key, product_k(&query, first_key + key, once));
    if (!(${isLive('score')})) { continue; }
    let weight = exp(score - statistics[index * 3u]) * statistics[index * 3u + 1u];
    let change = product_v(&gradient, first_key + key, once) * kept(batch, head, row, key) - statistics[index * 3u + 2u];
    let factor = weight * change * ${f32Literal(s.scale)};
    for (var d = 0u; d < ${turns(quads(s.depth))}; d++) { sum[d] += factor * load_k(first_key + key, d); }
  }
  for (var d = 0u; d < ${turns(quads(s.depth))}; d++) { save_dq(index, d, sum[d]); }
}
`,
});

/** How the output of both gradients is bound: as vec4s if each gradient starts at a multiple of four. */
export const keyGradientType = ({ depth, width, half }: AttentionShape) =>
  bindingType(depth % 4 === 0 && width % 4 === 0 ? 4 : 1, half);

/** Writes both gradients of a key into one row: dk, then dv. */
export const saveKeyGradients = (s: AttentionShape): string => wgsl`
${saveFunction('dk', s.depth, s.half, s.depth + s.width, 0, 'dkv')}
${saveFunction('dv', s.width, s.half, s.depth + s.width, s.depth, 'dkv')}
`;

export const keyGradients = (s: AttentionShape): Binding[] => [{ name: 'dkv', type: keyGradientType(s) }];

export const attentionGradKeySerial = (s: AttentionShape): Kernel => ({
  name: 'attentionGradKey.serial',
  inputs: attentionInputs(s, true),
  outputs: keyGradients(s),
  workgroups: linearGrid(s.batch * s.keyHeads * s.keys, LINEAR_WORKGROUP),
  wgsl: wgsl`
${gradientLoads(s)}
${saveKeyGradients(s)}
${productFunction('q', s.depth)}
${productFunction('g', s.width)}
${linearMain(s.batch * s.keyHeads * s.keys)}
  let key = index % ${s.keys}u;
  let key_head = (index / ${s.keys}u) % ${s.keyHeads}u;
  let batch = index / ${s.keys * s.keyHeads}u;
  ${holdRow('key_row', 'k', s.depth, 'index')}
  ${holdRow('value_row', 'v', s.width, 'index')}
  var dk: array<vec4<f32>, ${quads(s.depth)}>;
  var dv: array<vec4<f32>, ${quads(s.width)}>;
  for (var head = key_head * ${groupOf(s)}u; head < (key_head + 1u) * ${groupOf(s)}u; head++) {
    for (var row = ${s.causal && s.numbers !== 'length' ? 'key' : '0u'}; row < ${s.rows}u; row++) {
      let at = (batch * ${s.heads}u + head) * ${s.rows}u + row;
      let score = score_of(batch, head, row, key, product_q(&key_row, at, once));
      if (!(${isLive('score')})) { continue; }
      let weight = exp(score - statistics[at * 3u]) * statistics[at * 3u + 1u];
      let keeps = kept(batch, head, row, key);
      let change = product_g(&value_row, at, once) * keeps - statistics[at * 3u + 2u];
      let factor = weight * change * ${f32Literal(s.scale)};
      for (var d = 0u; d < ${turns(quads(s.depth))}; d++) { dk[d] += factor * load_q(at, d); }
      for (var d = 0u; d < ${turns(quads(s.width))}; d++) { dv[d] += weight * keeps * load_g(at, d); }
    }
  }
  for (var d = 0u; d < ${turns(quads(s.depth))}; d++) { save_dk(index, d, dk[d]); }
  for (var d = 0u; d < ${turns(quads(s.width))}; d++) { save_dv(index, d, dv[d]); }
}
`,
});

/** The mask's gradient: ds, summed over the axes along which the mask is broadcast. `dims` is the mask's shape. */
export function attentionGradMaskSerial(s: AttentionShape, dims: readonly number[]): Kernel {
  const sizes = [s.batch, s.heads, s.rows, s.keys];
  const inner = (axis: number) => sizeOf(dims.slice(axis + 1));
  const open = ['batch', 'head', 'row', 'key'].map((name, axis) => {
    const own = `(index / ${inner(axis)}u) % ${dims[axis]}u`;
    const [first, end] = dims[axis] === sizes[axis] ? [own, `${name}_first + 1u`] : ['0u', `${sizes[axis]}u`];
    return `let ${name}_first = ${first};\n  for (var ${name} = ${name}_first; ${name} < ${end}; ${name}++) {`;
  });
  return {
    name: 'attentionGradMask.serial',
    inputs: attentionInputs(s, true),
    outputs: [{ name: 'dmask', type: s.mask!.type }],
    workgroups: linearGrid(sizeOf(dims), LINEAR_WORKGROUP),
    wgsl: wgsl`
${gradientLoads(s)}
${linearMain(sizeOf(dims))}
  var sum = 0.0;
  ${open.join('\n  ')}
    let at = (batch * ${s.heads}u + head) * ${s.rows}u + row;
    let key_at = (batch * ${s.keyHeads}u + head / ${groupOf(s)}u) * ${s.keys}u + key;
    if (key >= keys_of(row)) { continue; }
    var product = 0.0;
    for (var d = 0u; d < ${turns(quads(s.depth))}; d++) { product += dot(load_q(at, d), load_k(key_at, d)); }
    let score = score_of(batch, head, row, key, product);
    if (!(${isLive('score')})) { continue; }
    var change = 0.0;
    for (var d = 0u; d < ${turns(quads(s.width))}; d++) { change += dot(load_g(at, d), load_v(key_at, d)); }
    change = change * kept(batch, head, row, key) - statistics[at * 3u + 2u];
    sum += exp(score - statistics[at * 3u]) * statistics[at * 3u + 1u] * change;
  } } } }
  dmask[index] = ${s.mask?.type === 'f16' ? 'f16(sum)' : 'sum'};
}
`,
  };
}
