// BERT against PyTorch: the scores of both heads and every gradient; what a pre-training batch holds.

import { describe, expect, test } from 'vitest';
import { pretrainingBatches } from '../../models/bert/bert-mini-zh/data.ts';
import { BertForPreTraining, type BertConfig } from '../../models/bert/bert-mini-zh/model.ts';
import { add, crossEntropy } from '../../src/node.ts';
import { below, computeModel, modelCase, modelProblems, pick, testDevices } from '../harness/model-fixture.ts';

/** At least three times the worst seen. */
const tolerance = { absolute: 1.5e-6, relative: 1.5e-6 };

const { config, stored } = modelCase('bert', 'tiny');

test.each(['cpu', 'gpu'] as const)('computes on the %s what PyTorch computes', async (kind) => {
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

  test('depend on seed and step alone', () => {
    const second = batches.batch(1);
    batches.batch(7);
    expect(batches.batch(1)).toEqual(second);
    expect(batches.batch(2)).not.toEqual(second);
  });

  test('label what was hidden, and say whether the second segment follows', () => {
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
