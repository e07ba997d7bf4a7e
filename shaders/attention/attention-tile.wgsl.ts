// Attention in tiles (`flash`), forward and backward: the scores of 64 rows × 32 columns at a time, in workgroup memory.
//
// Forward and the gradient of q: rows are rows of q, columns are keys. The gradients of k and v: rows are keys, columns are
// rows of q, of all heads that share the key.
// Thread map: 128 threads, 16 (y) × 8 (x). A thread computes 4 rows × 4 columns of scores, and then 4 rows × a share of the
// accumulator's columns, all in registers. Values of 4 rows are in one vec4.
//   product     scores of a tile: both matrices go through `stage`, 16 values of depth at a time
//   accumulate  tile of weights · matrix: the weights in `weights`, the matrix through `stage`
// Workgroup memory: 6 KiB stage, 8 KiB weights, 2 KiB exchanged by the 8 threads of a row: 16 KiB, which WebGPU guarantees.
// Tiles that are causally masked entirely are skipped. The last dimension is at most 256.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { linearGrid, type Kernel } from '../../src/core/kernel.ts';
import {
  attentionInputs, attentionOutputs,
  groupOf, isLive, loadFunction, MASKED, quads, saveFunction, scoreFunctions, type AttentionShape,
} from './attention.wgsl.ts'; // prettier-ignore
import { gradientLoads, keyGradients, queryGradient, saveKeyGradients } from './attention-grad.wgsl.ts';
import { f32Literal } from '../lib/literal.wgsl.ts';
import { repeat } from '../lib/text.ts';

/** Rows and columns of a tile, and the largest last dimension that fits a thread's registers. */
const TILE_ROWS = 64;
const TILE_COLUMNS = 32;
export const LARGEST_DEPTH = 256;
const [X, Y] = [8, 16];
const THREADS = X * Y;
const STAGE = 384;
/** vec4s of depth that `product` stages at a time. */
const DEPTH = 4;

const FOUR = [0, 1, 2, 3];

const memory = `
var<workgroup> stage: array<vec4<f32>, ${STAGE}>;
var<workgroup> weights: array<vec4<f32>, ${TILE_COLUMNS * Y}>;  // [column][y]
`;

/** Opens `main`; `tile` is the index among the tiles of rows of all heads and batches. */
const open = (tiles: number): string => wgsl`
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) thread: u32) {
  let tile = group.y * groups.x + group.x;
  if (tile >= ${tiles}u) { return; }
  let x = thread % ${X}u;
  let y = thread / ${X}u;
`;

/** A matrix as a tile reads it: its name, its row size, and the row for position `at` along the tile's rows or columns. */
interface Side {
  readonly name: string;
  readonly size: number;
  readonly row: (at: string) => string;
}

/** Four consecutive rows of a matrix, from `at` on, at one quad of depth: a vec4 for each of four depths. */
const block = ({ name, row }: Side): string =>
  `transpose(mat4x4<f32>(${FOUR.map((i) => `load_${name}(${row(`at + ${i}u`)}, quad + depth)`).join(', ')}))`;

/** Computes NAME0 … NAME3, vec4s over the thread's rows: the products with the thread's four columns. */
const product = (name: string, rows: Side, columns: Side): string => wgsl`
  var ${name}0 = vec4<f32>(0.0);
  var ${name}1 = vec4<f32>(0.0);
  var ${name}2 = vec4<f32>(0.0);
  var ${name}3 = vec4<f32>(0.0);
  for (var quad = 0u; quad < ${quads(rows.size)}u; quad += ${DEPTH}u) {
    workgroupBarrier();
    // Some threads load four rows each, some four columns; four neighbouring threads load four quads of depth.
    let depth = thread % ${DEPTH}u;
    if (thread < ${DEPTH * (X + Y)}u && quad + depth < ${quads(rows.size)}u) {
      let of_rows = thread < ${DEPTH * Y}u;
      let place = thread / ${DEPTH}u - select(${Y}u, 0u, of_rows);
      let at = place * 4u;
      var staged: mat4x4<f32>;
      if (of_rows) { staged = ${block(rows)}; } else { staged = ${block(columns)}; }
      // The position is XORed with the depth, so that neighbouring threads use different banks.
      let line = select(${4 * DEPTH * Y}u + depth * ${4 * X}u, depth * ${4 * Y}u, of_rows) + (place ^ (depth * 2u));
      let step = select(${X}u, ${Y}u, of_rows);
      ${repeat(4, (i) => `stage[line + ${i}u * step] = staged[${i}];`)}
    }
    workgroupBarrier();
    let filled = 4u * min(${DEPTH}u, ${quads(rows.size)}u - quad);
    for (var i = 0u; i < filled; i++) {
      let mixed = (i >> 2u) * 2u;
      let a = stage[i * ${Y}u + (y ^ mixed)];
      let b = stage[${4 * DEPTH * Y}u + i * ${X}u + (x ^ mixed)];
      ${name}0 += a * b.x;
      ${name}1 += a * b.y;
      ${name}2 += a * b.z;
      ${name}3 += a * b.w;
    }
  }
`;

/** vec4s of an accumulator's row per thread. */
const share = (size: number): number => Math.ceil(quads(size) / X);
const sumName = (name: string, row: number, part: number): string => `${name}_${row}_${part}`;

const declareSums = (name: string, size: number): string =>
  repeat(share(size), (part) => FOUR.map((row) => `var ${sumName(name, row, part)} = vec4<f32>(0.0);`).join(' '));

/** Adds the tile of weights times a matrix that has a row for each column of the tile before `end`. */
function accumulate(name: string, { name: matrix, size, row }: Side, first: string, end: string): string {
  const width = quads(size);
  const staged = Math.min(TILE_COLUMNS, 2 ** Math.floor(Math.log2(STAGE / width)));
  const part = (i: number) => wgsl`
        {
          let value = stage[at * ${width}u + min(${i * X}u + x, ${width - 1}u)];
          ${FOUR.map((r) => `${sumName(name, r, i)} += w[${r}] * value;`).join(' ')}
        }`;
  return wgsl`
  for (var start = 0u; start < ${TILE_COLUMNS}u && ${first} + start < ${end}; start += ${staged}u) {
    workgroupBarrier();
    for (var i = thread; i < ${staged * width}u; i += ${THREADS}u) {
      stage[i] = load_${matrix}(${row(`start + i / ${width}u`)}, i % ${width}u);
    }
    workgroupBarrier();
    for (var at = 0u; at < ${staged}u; at++) {
      let w = weights[(start + at) * ${Y}u + y];
      ${repeat(share(size), part)}
    }
  }
`;
}

/** Calls `save` for each vec4 of the thread's sums that is inside the matrix. */
const saveSums = (name: string, size: number, save: (row: number, quad: string, value: string) => string): string =>
  repeat(share(size), (part) => {
    const quad = `${part * X}u + x`;
    return `if (${quad} < ${quads(size)}u) {\n${FOUR.map((r) => save(r, quad, sumName(name, r, part))).join('\n')}\n}`;
  });

/** For tiles of rows of q: declares batch, head, first_row, the start of the head's rows and keys, and the end of the keys. */
const queryTile = (s: AttentionShape): string => wgsl`
  let first_row = (tile % ${Math.ceil(s.rows / TILE_ROWS)}u) * ${TILE_ROWS}u;
  let head = (tile / ${Math.ceil(s.rows / TILE_ROWS)}u) % ${s.heads}u;
  let batch = tile / ${Math.ceil(s.rows / TILE_ROWS) * s.heads}u;
  let rows_start = (batch * ${s.heads}u + head) * ${s.rows}u;
  let keys_start = (batch * ${s.keyHeads}u + head / ${groupOf(s)}u) * ${s.keys}u;
  let end = keys_of(min(first_row + ${TILE_ROWS - 1}u, ${s.rows - 1}u));
`;
const queryTiles = (s: AttentionShape): number => Math.ceil(s.rows / TILE_ROWS) * s.heads * s.batch;
const keyTiles = (s: AttentionShape): number => Math.ceil(s.keys / TILE_ROWS) * s.keyHeads * s.batch;

// Positions past the end read the last row: their weights are 0.
const rowSide = (name: string, size: number, s: AttentionShape): Side =>
  ({ name, size, row: (at) => `rows_start + min(first_row + ${at}, ${s.rows - 1}u)` }); // prettier-ignore
const keySide = (name: string, size: number, s: AttentionShape): Side =>
  ({ name, size, row: (at) => `keys_start + min(first_key + ${at}, ${s.keys - 1}u)` }); // prettier-ignore

/** Positions of the thread's four rows, and column i four times. */
const own = (first: string): string => `${first} + y * 4u + vec4<u32>(0u, 1u, 2u, 3u)`;
const column = (first: string, i: number): string => `vec4<u32>(${first} + x * 4u + ${i}u)`;
const ownRow = (r: number) => `first_row + y * 4u + ${r}u`;
const ownKey = (r: number) => `first_key + y * 4u + ${r}u`;

/** Turns NAMEi, products of four rows with column i, into scores. */
const scores = (name: string, row: (i: number) => string, key: (i: number) => string): string =>
  repeat(4, (i) => `${name}${i} = score_four(batch, head, ${row(i)}, ${key(i)}, ${name}${i});`);
/** The scores of this thread's rows of q with its columns of the tile of keys at `first_key`: s0, s1, s2, s3. */
const queryScores = (s: AttentionShape): string => wgsl`
    ${product('s', rowSide('q', s.depth, s), keySide('k', s.depth, s))}
    ${scores(
      's',
      () => own('first_row'),
      (i) => column('first_key', i),
    )}
`;
/** The dropout factors of four pairs. */
const keeps = (row: string, key: string) => `kept_four(batch, head, ${row}, ${key})`;

export const attentionFlash = (s: AttentionShape): Kernel => ({
  name: 'attention.flash',
  inputs: attentionInputs(s),
  outputs: attentionOutputs(s),
  workgroups: linearGrid(queryTiles(s), 1),
  wgsl: wgsl`
${memory}
var<workgroup> exchange: array<vec4<f32>, ${THREADS}>;  // [x][y]
${scoreFunctions(s, true)}
${loadFunction('q', s.depth)}
${loadFunction('k', s.depth)}
${loadFunction('v', s.width)}
${saveFunction('o', s.width, s.half)}
${open(queryTiles(s))}
  ${queryTile(s)}
  ${declareSums('o', s.width)}
  var largest = vec4<f32>(${MASKED});
  var total = vec4<f32>(0.0);  // of this thread's columns
  for (var first_key = 0u; first_key < end; first_key += ${TILE_COLUMNS}u) {
    ${queryScores(s)}
    exchange[x * ${Y}u + y] = max(max(s0, s1), max(s2, s3));
    workgroupBarrier();
    let before = largest;
    for (var i = 0u; i < ${X}u; i++) { largest = max(largest, exchange[i * ${Y}u + y]); }
    let shrink = exp(before - largest);
    total *= shrink;
    ${repeat(4, (i) => `let p${i} = select(vec4<f32>(0.0), exp(s${i} - largest), ${isLive(`s${i}`, true)});`)}
    total += p0 + p1 + p2 + p3;
    ${repeat(4, (i) => `weights[(x * 4u + ${i}u) * ${Y}u + y] = p${i} * ${keeps(own('first_row'), column('first_key', i))};`)}
    ${repeat(share(s.width), (part) => FOUR.map((r) => `${sumName('o', r, part)} *= shrink[${r}];`).join(' '))}
    ${accumulate('o', keySide('v', s.width, s), 'first_key', 'end')}
  }
  workgroupBarrier();
  exchange[x * ${Y}u + y] = total;
  workgroupBarrier();
  total = vec4<f32>(0.0);
  for (var i = 0u; i < ${X}u; i++) { total += exchange[i * ${Y}u + y]; }
  // A row that sees no key gives zeros.
  let inverse = select(vec4<f32>(0.0), 1.0 / total, total > vec4<f32>(0.0));
  ${saveSums('o', s.width, (r, quad, value) => `if (${ownRow(r)} < ${s.rows}u) { save_o(rows_start + ${ownRow(r)}, ${quad}, ${value} * inverse[${r}]); }`)}
  if (x == 0u) {
    for (var r = 0u; r < 4u; r++) {
      let row = first_row + y * 4u + r;
      if (row < ${s.rows}u) {
        sums[(rows_start + row) * 2u] = largest[r];
        sums[(rows_start + row) * 2u + 1u] = inverse[r];
      }
    }
  }
}
`,
});

/** One of the three statistics of the thread's four rows. */
const rowStatistics = (s: AttentionShape, at: number): string =>
  `vec4<f32>(${FOUR.map((r) => `statistics[(rows_start + min(${ownRow(r)}, ${s.rows - 1}u)) * 3u + ${at}u]`).join(', ')})`;

export const attentionGradQueryFlash = (s: AttentionShape): Kernel => ({
  name: 'attentionGradQuery.flash',
  inputs: attentionInputs(s, true),
  outputs: queryGradient(s),
  workgroups: linearGrid(queryTiles(s), 1),
  wgsl: wgsl`
${memory}
${gradientLoads(s, true)}
${saveFunction('dq', s.depth, s.half)}
${open(queryTiles(s))}
  ${queryTile(s)}
  ${declareSums('dq', s.depth)}
  let largest = ${rowStatistics(s, 0)};
  let inverse = ${rowStatistics(s, 1)};
  let delta = ${rowStatistics(s, 2)};
  for (var first_key = 0u; first_key < end; first_key += ${TILE_COLUMNS}u) {
    ${queryScores(s)}
    ${product('d', rowSide('g', s.width, s), keySide('v', s.width, s))}
    ${repeat(
      4,
      (i) => `
    let p${i} = select(vec4<f32>(0.0), exp(s${i} - largest) * inverse, ${isLive(`s${i}`, true)});
    weights[(x * 4u + ${i}u) * ${Y}u + y] = p${i} * (d${i} * ${keeps(own('first_row'), column('first_key', i))} - delta) * ${f32Literal(s.scale)};`,
    )}
    ${accumulate('dq', keySide('k', s.depth, s), 'first_key', 'end')}
  }
  ${saveSums('dq', s.depth, (r, quad, value) => `if (${ownRow(r)} < ${s.rows}u) { save_dq(rows_start + ${ownRow(r)}, ${quad}, ${value}); }`)}
}
`,
});

/** One of the statistics of the row of q in the thread's column i. */
const columnStatistic = (s: AttentionShape, i: number, at: number): string =>
  `statistics[(rows_start + min(first_row + x * 4u + ${i}u, ${s.rows - 1}u)) * 3u + ${at}u]`;

export const attentionGradKeyFlash = (s: AttentionShape): Kernel => ({
  name: 'attentionGradKey.flash',
  inputs: attentionInputs(s, true),
  outputs: keyGradients(s),
  workgroups: linearGrid(keyTiles(s), 1),
  wgsl: wgsl`
${memory}
${gradientLoads(s, true)}
${saveKeyGradients(s)}
${open(keyTiles(s))}
  let first_key = (tile % ${Math.ceil(s.keys / TILE_ROWS)}u) * ${TILE_ROWS}u;
  let key_head = (tile / ${Math.ceil(s.keys / TILE_ROWS)}u) % ${s.keyHeads}u;
  let batch = tile / ${Math.ceil(s.keys / TILE_ROWS) * s.keyHeads}u;
  let keys_start = (batch * ${s.keyHeads}u + key_head) * ${s.keys}u;
  ${declareSums('dk', s.depth)}
  ${declareSums('dv', s.width)}
  for (var head = key_head * ${groupOf(s)}u; head < (key_head + 1u) * ${groupOf(s)}u; head++) {
    let rows_start = (batch * ${s.heads}u + head) * ${s.rows}u;
    // With a causal mask, rows before the tile's keys do not see them.
    for (var first_row = ${s.causal && s.numbers !== 'length' ? `(first_key / ${TILE_COLUMNS}u) * ${TILE_COLUMNS}u` : '0u'}; first_row < ${s.rows}u; first_row += ${TILE_COLUMNS}u) {
      ${product('s', keySide('k', s.depth, s), rowSide('q', s.depth, s))}
      ${scores(
        's',
        (i) => column('first_row', i),
        () => own('first_key'),
      )}
      ${repeat(
        4,
        (i) => `
      let p${i} = select(vec4<f32>(0.0), exp(s${i} - ${columnStatistic(s, i, 0)}) * ${columnStatistic(s, i, 1)}, ${isLive(`s${i}`, true)});
      let keeps${i} = ${keeps(column('first_row', i), own('first_key'))};
      weights[(x * 4u + ${i}u) * ${Y}u + y] = p${i} * keeps${i};`,
      )}
      ${accumulate('dv', rowSide('g', s.width, s), 'first_row', `${s.rows}u`)}
      ${product('d', keySide('v', s.width, s), rowSide('g', s.width, s))}
      ${repeat(4, (i) => `weights[(x * 4u + ${i}u) * ${Y}u + y] = p${i} * (d${i} * keeps${i} - ${columnStatistic(s, i, 2)}) * ${f32Literal(s.scale)};`)}
      ${accumulate('dk', rowSide('q', s.depth, s), 'first_row', `${s.rows}u`)}
    }
  }
  ${saveSums('dk', s.depth, (r, quad, value) => `if (${ownKey(r)} < ${s.keys}u) { save_dk(keys_start + ${ownKey(r)}, ${quad}, ${value}); }`)}
  ${saveSums('dv', s.width, (r, quad, value) => `if (${ownKey(r)} < ${s.keys}u) { save_dv(keys_start + ${ownKey(r)}, ${quad}, ${value}); }`)}
}
`,
});
