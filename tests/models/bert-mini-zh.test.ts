// BERT against PyTorch: the logits of both heads and every gradient; pre-training batches; the warm start.

import { describe, expect, test } from 'vitest';
import { pretrainingBatches } from '../../models/bert/bert-mini-zh/data.ts';
import { BertForPreTraining, bertConfigs, type BertConfig } from '../../models/bert/bert-mini-zh/model.ts';
import { warmStart } from '../../models/bert/bert-mini-zh/warm-start.ts';
import { add, crossEntropy, RandomSource } from '../../src/node.ts';
import { below, computeModel, modelCase, modelProblems, pick, testDevices } from '../harness/model-fixture.ts';

/** At least three times the worst measured error. */
const tolerance = { absolute: 1.5e-6, relative: 1.5e-6 };

const { config, stored } = modelCase('bert', 'tiny');

test.each(['cpu', 'gpu'] as const)('matches PyTorch on the %s', async (kind) => {
  const model = new BertForPreTraining(config as unknown as BertConfig);
  model.loadStateDict(below(stored, 'params/'));
  const inputs = ['input_ids', 'token_type_ids', 'attention_mask', 'positions', 'labels', 'follows'];
  const found = await computeModel(
    await testDevices[kind](),
    model,
    pick(stored, inputs),
    ({ input_ids, token_type_ids, attention_mask, positions, labels, follows }) => {
      const scores = model.forward({ input_ids, token_type_ids, attention_mask }, positions);
      const masked = crossEntropy(scores.prediction_logits, labels);
      return { ...scores, loss: add(masked, crossEntropy(scores.seq_relationship_logits, follows)) };
    },
  );
  expect(modelProblems(`bert ${kind}`, found, stored, tolerance)).toEqual([]);
  expect(Object.keys(found).filter((name) => name.startsWith('grad/'))).toHaveLength(model.parameters().length);
});

describe('pre-training batches', () => {
  const texts = [0, 1, 2].map((i) => Int32Array.from({ length: 50 }, (_, place) => 5 + i * 50 + place));
  const batches = pretrainingBatches(texts, { batchSize: 40, length: 16, masked: 0.25, vocabularySize: 155, seed: 3 });

  test('depend only on seed and step', () => {
    const second = batches.batch(1);
    batches.batch(7);
    expect(batches.batch(1)).toEqual(second);
    expect(batches.batch(2)).not.toEqual(second);
  });

  test('have the masked tokens as labels, and whether the second segment follows', () => {
    const { input_ids, token_type_ids, positions, labels, follows } = batches.batch(0);
    expect(positions).toHaveLength(40 * 3);
    const original = input_ids.slice();
    positions.forEach((position, i) => (original[position] = labels[i]));
    for (let row = 0; row < 40; row++) {
      const ids = original.subarray(row * 16, row * 16 + 16);
      expect([ids[0], ids[7], ids[15]]).toEqual([2, 3, 3]);
      expect([...token_type_ids.subarray(row * 16, row * 16 + 16)]).toEqual([
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
      ]);
      if (follows[row] === 0) expect(ids[8]).toBe(ids[6] + 1);
    }
    expect(new Set(positions).size).toBe(positions.length);
    expect(follows.filter((one) => one === 0).length).toBeGreaterThan(10);
    expect(follows.filter((one) => one === 1).length).toBeGreaterThan(10);
  });
});

describe('a warm start', () => {
  const [width, rows, heads] = [64, 24, 4];
  const small = { ...bertConfigs['mini-zh'], vocab_size: 40, hidden_size: width, max_position_embeddings: rows };
  // Random texts in which 10 and 11 have the same neighbours, and 20 and 21 have others.
  const random = new RandomSource(5);
  const text = Int32Array.from({ length: 4000 }, (_, i) => (i % 2 ? 30 : 10) + (i % 4 < 2 ? 0 : 3) + random.integer(2));
  const model = new BertForPreTraining(small);
  warmStart(model, [text]);

  test('initializes the output bias with character frequencies', () => {
    const share = (id: number) => (text.filter((one) => one === id).length + 1) / (text.length + small.vocab_size);
    const bias = model.cls.predictions.bias.hostValues;
    for (const id of [0, 10, 33]) expect(bias[id]).toBeCloseTo(Math.log(share(id)), 5);
  });

  test('gives characters with similar neighbours similar vectors', () => {
    const vectors = model.bert.embeddings.word_embeddings.weight.hostValues as Float32Array;
    const row = (id: number) => vectors.subarray(id * width, (id + 1) * width);
    const cosine = (a: number, b: number) => {
      const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i], 0);
      return dot(row(a), row(b)) / Math.sqrt(dot(row(a), row(a)) * dot(row(b), row(b)));
    };
    expect(cosine(10, 11)).toBeGreaterThan(cosine(10, 13) + 0.2);
    expect(cosine(33, 34)).toBeGreaterThan(cosine(33, 31) + 0.2);
  });

  test('makes the first layer’s heads attend to the two characters before and after', () => {
    const places = model.bert.embeddings.position_embeddings.weight.hostValues;
    const { query, key } = model.bert.encoder.layer[0].attention.self;
    const project = (weight: ArrayLike<number>, place: number, row: number) =>
      Array.from({ length: width }, (_, i) => weight[row * width + i] * places[place * width + i]).reduce(
        (a, b) => a + b,
      );
    const score = (head: number, from: number, to: number) =>
      Array.from({ length: width / heads }, (_, i) => head * (width / heads) + i)
        .map((row) => project(query.weight.hostValues, from, row) * project(key.weight.hostValues, to, row))
        .reduce((a, b) => a + b);
    const attended = Array.from({ length: heads }, (_, head) => {
      const scores = Array.from({ length: rows }, (_, to) => score(head, 12, to));
      return scores.indexOf(Math.max(...scores)) - 12;
    });
    expect(attended).toEqual([-1, 1, -2, 2]);
  });
});
