// Mask filling: ranked by the logits, independent of padding, on both devices.

import { describe, expect, test } from 'vitest';
import { BertForPreTraining } from '../../models/bert/bert-mini-zh/model.ts';
import {
  CharTokenizer, compile, CpuDevice, fillMask, manualSeed, MaskFiller, softmax, spec, type Filling,
} from '../../src/node.ts'; // prettier-ignore
import { testGpu } from '../harness/devices.ts';

const tokenizer = new CharTokenizer(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...'天地玄黄宇宙洪荒'], {
  unknown: 'token',
});

function tinyBert(): BertForPreTraining {
  manualSeed(6);
  const sizes = { hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32 };
  const limits = { vocab_size: tokenizer.vocabularySize, max_position_embeddings: 20, type_vocab_size: 2 };
  const rest = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1, layer_norm_eps: 1e-12 };
  const model = new BertForPreTraining({ ...sizes, ...limits, ...rest });
  for (const parameter of model.parameters()) {
    const { shape, dtype } = parameter;
    if (shape.length > 1)
      parameter.write({ shape, dtype, data: Float32Array.from(parameter.hostValues, (x) => 10 * x) });
  }
  return model;
}

/** Probabilities at each mask, from the logits at all positions without padding. */
async function probabilities(model: BertForPreTraining, first: string, second?: string): Promise<number[][]> {
  const { ids, tokenTypes } = tokenizer.frame(
    tokenizer.encode(first),
    second === undefined ? undefined : tokenizer.encode(second),
  );
  const row = spec([1, ids.length], 'i32');
  using program = await compile(
    new CpuDevice(),
    ({ input_ids, token_type_ids }) => softmax(model.forward({ input_ids, token_type_ids }).prediction_logits),
    { input_ids: row, token_type_ids: row },
  );
  const { data } = await program.run({ input_ids: ids, token_type_ids: tokenTypes });
  const masks = [...ids.keys()].filter((place) => ids[place] === tokenizer.special.mask);
  return masks.map((place) => Array.from(data.subarray(place * 13, (place + 1) * 13)));
}

function expectFillings(found: readonly Filling[][], expected: readonly number[][], top: number): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, fillings] of found.entries()) {
    const ranked = [...expected[i].entries()].toSorted(([, a], [, b]) => b - a).slice(0, top);
    expect(fillings.map(({ id }) => id)).toEqual(ranked.map(([id]) => id));
    fillings.forEach(({ id, token, probability }) => {
      expect(token).toBe(tokenizer.token(id));
      expect(probability).toBeCloseTo(expected[i][id], 5);
    });
  }
}

describe.each([
  ['CPU', async () => new CpuDevice()],
  ['GPU', testGpu],
])('on the %s', (_, open) => {
  test('fills one mask, several, a pair of texts, and a text of maximum length', async () => {
    const model = tinyBert();
    using filler = new MaskFiller(await open(), model, tokenizer);
    for (const text of [
      '天地[MASK]黄',
      '[MASK][MASK]玄黄宇[MASK]洪荒[MASK]地[MASK]',
      '天地玄黄宇宙洪荒天地玄黄宇宙洪荒天[MASK]',
    ]) {
      expectFillings(await filler.fill(text, { top: 4 }), await probabilities(model, text), 4);
    }
    const pair = ['天地玄黄', '宇[MASK]洪荒'] as const;
    expectFillings(await filler.fill(pair), await probabilities(model, ...pair), 5);
  });
});

test('the error for an invalid text or setting says what is wrong', async () => {
  const model = tinyBert();
  const fill = (text: string, top?: number) => fillMask(new CpuDevice(), model, tokenizer, text, { top });
  await expect(fill('天地')).rejects.toThrow('the text has no [MASK]');
  await expect(fill(`${'天'.repeat(18)}[MASK]`)).rejects.toThrow("21 tokens, but the model's maximum is 20");
  await expect(fill('[MASK]', 0)).rejects.toThrow('top must be an integer from 1 to 13');
  expect(() => new MaskFiller(new CpuDevice(), model, CharTokenizer.of('天地'))).toThrow('no mask token');
});
