// BERT's warm start: character frequencies, vectors from counts of neighbours, and heads that attend to neighbours. A model of
// this size would otherwise spend its whole budget on learning these.

import { RandomSource, type Parameter } from '../../../src/index.ts';
import type { BertForPreTraining } from './model.ts';

/** Writes initial values into `model`, computed from the token ids of the training chapters. The rest stays random. */
export function warmStart(model: BertForPreTraining, chapters: readonly Int32Array[]): void {
  const { vocab_size, hidden_size, num_attention_heads: heads, initializer_range = 0.02 } = model.config;
  const { embeddings, encoder } = model.bert;
  const write = (parameter: Parameter, data: Float32Array) =>
    parameter.write({ shape: parameter.shape, dtype: 'f32', data });

  write(model.cls.predictions.bias, logFrequencies(chapters, vocab_size));
  const vectors = neighbourVectors(chapters, vocab_size, hidden_size);
  write(
    embeddings.word_embeddings.weight,
    vectors.map((value) => value * initializer_range),
  );
  const { weight } = embeddings.position_embeddings;
  write(
    weight,
    sinusoids(weight.shape[0], hidden_size).map((value) => value * initializer_range),
  );
  const { query, key } = encoder.layer[0].attention.self;
  const offsets = Array.from({ length: heads }, (_, head) => OFFSETS[head % OFFSETS.length]);
  write(query.weight, lookAt(offsets, hidden_size));
  write(
    key.weight,
    lookAt(
      offsets.map(() => 0),
      hidden_size,
    ),
  );
}

/** The log frequency of each of `size` characters. */
function logFrequencies(chapters: readonly Int32Array[], size: number): Float32Array {
  const counts = new Float64Array(size).fill(1); // so that none is impossible
  for (const chapter of chapters) for (const id of chapter) counts[id]++;
  const total = counts.reduce((sum, count) => sum + count);
  return Float32Array.from(counts, (count) => Math.log(count / total));
}

/** Initial attention of the first layer's heads, relative to the query. */
const OFFSETS = [-1, 1, -2, 2];

/** Scale of those queries and keys, such that most of a head's attention is on its neighbour. */
const GAIN = 1.4;

/** Angular frequencies spread evenly over (0, π), so that the sum of their cosines has a single peak, at distance 0. */
const frequencies = (width: number) => Array.from({ length: width / 2 }, (_, k) => (Math.PI * (k + 0.5)) / (width / 2));

/** Sinusoidal positions [rows, width], with a mean square of 1. */
function sinusoids(rows: number, width: number): Float32Array {
  const waves = frequencies(width);
  return Float32Array.from({ length: rows * width }, (_, at) => {
    const angle = waves[(at % width) >> 1] * Math.floor(at / width);
    return Math.SQRT2 * (at % 2 === 0 ? Math.sin(angle) : Math.cos(angle));
  });
}

/**
 * Query weights [C, C] with which head h attends `offsets[h]` positions ahead; with offsets of 0, the matching key weights.
 * Each head uses its share of the sinusoids; rotating them by the offset equals shifting the position.
 */
function lookAt(offsets: readonly number[], width: number): Float32Array {
  const heads = offsets.length;
  const weight = new Float32Array(width * width);
  frequencies(width).forEach((wave, k) => {
    const [head, pair] = [k % heads, Math.floor(k / heads)];
    const row = head * (width / heads) + 2 * pair;
    const [cos, sin] = [GAIN * Math.cos(wave * offsets[head]), GAIN * Math.sin(wave * offsets[head])];
    weight.set([cos, sin], row * width + 2 * k);
    weight.set([-sin, cos], (row + 1) * width + 2 * k);
  });
  return weight;
}

/** Rounds of subspace iteration: enough for the largest singular values to stand out. */
const ITERATIONS = 6;

/**
 * A vector for each character, [size, width], similar for characters with similar neighbours: the leading singular vectors of
 * positive pointwise mutual information with the previous and the next character (O. Levy and Y. Goldberg, "Neural word
 * embedding as implicit matrix factorization", 2014). Each has a mean square of 1.
 */
function neighbourVectors(chapters: readonly Int32Array[], size: number, width: number): Float32Array {
  const { rows, columns, values } = mutualInformation(chapters, size);
  const random = new RandomSource(1);
  let basis = Float64Array.from({ length: size * width }, () => random.normal());
  // basis ← M Mᵀ basis, orthonormalized; M is [size, 2 · size].
  const contexts = new Float64Array(2 * size * width);
  for (let i = 0; i < ITERATIONS; i++) {
    orthogonalize(basis, size, width);
    contexts.fill(0);
    for (let n = 0; n < values.length; n++) addRow(contexts, columns[n], basis, rows[n], values[n], width);
    basis = new Float64Array(size * width);
    for (let n = 0; n < values.length; n++) addRow(basis, rows[n], contexts, columns[n], values[n], width);
  }
  // Columns are singular vectors times squared singular values σ²; keep σ^½, as Levy and Goldberg do.
  const scale = columnNorms(basis, size, width).map((norm) => norm ** -0.75);
  const vectors = Float32Array.from(basis, (value, at) => value * scale[at % width]);
  for (let row = 0; row < size; row++) {
    const vector = vectors.subarray(row * width, (row + 1) * width);
    const rms = Math.hypot(...vector) / Math.sqrt(width);
    for (let i = 0; i < width; i++) vector[i] = rms > 1e-6 ? vector[i] / rms : random.normal();
  }
  return vectors;
}

function addRow(
  to: Float64Array,
  toRow: number,
  from: Float64Array,
  fromRow: number,
  factor: number,
  width: number,
): void {
  const [a, b] = [toRow * width, fromRow * width];
  for (let i = 0; i < width; i++) to[a + i] += factor * from[b + i];
}

function columnNorms(matrix: Float64Array, rows: number, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (let at = 0; at < rows * width; at++) sums[at % width] += matrix[at] ** 2;
  return sums.map(Math.sqrt);
}

/** Makes the columns of [rows, width] orthonormal (Gram–Schmidt). */
function orthogonalize(matrix: Float64Array, rows: number, width: number): void {
  const columns = Array.from({ length: width }, (_, c) =>
    Float64Array.from({ length: rows }, (_, r) => matrix[r * width + c]),
  );
  columns.forEach((column, c) => {
    for (const other of columns.slice(0, c)) {
      let dot = 0;
      for (let r = 0; r < rows; r++) dot += column[r] * other[r];
      for (let r = 0; r < rows; r++) column[r] -= dot * other[r];
    }
    const norm = Math.sqrt(column.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (let r = 0; r < rows; r++) column[r] /= norm;
  });
  columns.forEach((column, c) => column.forEach((value, r) => (matrix[r * width + c] = value)));
}

/** Exponent of context counts, as in word2vec; without it, rare contexts dominate. */
const SMOOTHING = 0.75;

/** max(0, log(p(a, b) / (p(a) p(b)))) of characters a and neighbours b, sparse: column b is the next character, size + b the previous one. */
function mutualInformation(chapters: readonly Int32Array[], size: number) {
  const pairs = new Map<number, number>();
  const counts = new Float64Array(size);
  for (const chapter of chapters) {
    for (let i = 0; i + 1 < chapter.length; i++) {
      const pair = chapter[i] * size + chapter[i + 1];
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      counts[chapter[i]]++;
    }
  }
  const total = counts.reduce((sum, count) => sum + count);
  const smoothed = counts.map((count) => count ** SMOOTHING);
  const smoothedTotal = smoothed.reduce((sum, count) => sum + count);
  const [rows, columns, values]: number[][] = [[], [], []];
  const add = (row: number, column: number, neighbour: number, count: number) => {
    const value = Math.log(count / (counts[row] * (smoothed[neighbour] / smoothedTotal)));
    if (!(value > 0 && Number.isFinite(value))) return;
    rows.push(row);
    columns.push(column);
    values.push(value);
  };
  if (total === 0) return { rows, columns, values };
  for (const [pair, count] of pairs) {
    const [a, b] = [Math.floor(pair / size), pair % size];
    add(a, b, b, count);
    add(b, size + a, a, count);
  }
  return { rows, columns, values };
}
