// Loads BERT and GPT-2 files in the forms that several versions of transformers wrote.

import { expect, test } from 'vitest';
import { BertForPreTraining, BertModel, bertConfigs } from '../../models/bert/bert-mini-zh/model.ts';
import { GPT2, gpt2Configs } from '../../models/transformer/char-gpt/model.ts';
import {
  loadWeights,
  manualSeed,
  saveWeights,
  type Module,
  type TensorData,
  type WeightsError,
} from '../../src/node.ts';

const bertConfig = {
  ...bertConfigs['mini-zh'],
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  max_position_embeddings: 6,
};
const gptConfig = { ...gpt2Configs.char, vocab_size: 7, n_positions: 5, n_embd: 8, n_layer: 2, n_head: 2 };

/** A model with random weights from `seed`. */
function seeded<M>(make: () => M, seed: number): M {
  manualSeed(seed);
  return make();
}

/** A model's tensors with names mapped by `rename`, as the basis of another version's file. */
async function fileOf(model: Module, rename = (name: string) => name): Promise<Map<string, TensorData>> {
  return new Map([...(await model.stateDict())].map(([name, values]) => [rename(name), values]));
}

/** Loads `file` into `model` and expects the values of `original`. */
async function expectEqual(model: Module, file: Map<string, TensorData>, original: Module, options = {}) {
  const report = await loadWeights(model, file, options);
  expect(await model.stateDict()).toEqual(await original.stateDict());
  return report;
}

test('BERT loads with old LayerNorm names, saved positions, and both copies of the tied head', async () => {
  const original = seeded(() => new BertForPreTraining(bertConfig), 1);
  const file = await fileOf(original, (name) =>
    name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
  );
  expect([...file.keys()].filter((name) => /gamma|beta/.test(name)).length).toBe(12);
  file.set('bert.embeddings.position_ids', { dtype: 'i32', shape: [1, 6], data: Int32Array.of(0, 1, 2, 3, 4, 5) });
  file.set('cls.predictions.decoder.weight', file.get('bert.embeddings.word_embeddings.weight')!);
  file.set('cls.predictions.decoder.bias', file.get('cls.predictions.bias')!);
  const report = await expectEqual(
    seeded(() => new BertForPreTraining(bertConfig), 2),
    file,
    original,
  );
  expect(report.ignored.map(({ name }) => name).sort()).toEqual([
    'bert.embeddings.position_ids', 'cls.predictions.decoder.bias', 'cls.predictions.decoder.weight',
  ]); // prettier-ignore
  // Newer versions save the bias under its other name.
  file.delete('cls.predictions.bias');
  await expectEqual(
    seeded(() => new BertForPreTraining(bertConfig), 2),
    file,
    original,
  );
});

test('BERT: errors for a base model and a fine-tuned one say how to load them', async () => {
  const base = seeded(() => new BertModel(bertConfig), 1);
  const pretraining = seeded(() => new BertForPreTraining(bertConfig), 2);
  const error = (await loadWeights(pretraining, await fileOf(base)).catch((error: unknown) => error)) as WeightsError;
  expect(error.missing.every((name) => name.startsWith('cls.'))).toBe(true);
  expect(error.message).toMatch(/"bert\." added.*Only cls\.\* is missing.*strict: false/s);
  const report = await loadWeights(pretraining, await fileOf(base), { strict: false });
  expect(report.prefix).toEqual({ dropped: '', added: 'bert.' });
  expect(await pretraining.bert.stateDict()).toEqual(await base.stateDict());

  const fine = await fileOf(base, (name) => `bert.${name}`);
  fine.set('classifier.weight', { dtype: 'f32', shape: [2, 8], data: new Float32Array(16) });
  const fresh = seeded(() => new BertModel(bertConfig), 3);
  await expect(loadWeights(fresh, fine)).rejects.toThrow(
    /Only classifier\.\* is unexpected.*ignore: \/\^classifier\\\.\//,
  );
  await expectEqual(fresh, fine, base, { ignore: /^classifier\./ });
});

test('GPT-2 loads with and without its prefix, with masks and a copy of the head', async () => {
  const original = seeded(() => new GPT2(gptConfig), 1);
  const fresh = () => seeded(() => new GPT2(gptConfig), 2);
  await expectEqual(fresh(), await fileOf(original), original);
  const file = await fileOf(original, (name) => `transformer.${name}`);
  for (let i = 0; i < 2; i++) {
    file.set(`transformer.h.${i}.attn.bias`, { dtype: 'bool', shape: [1, 1, 5, 5], data: new Uint32Array(25) });
    file.set(`transformer.h.${i}.attn.masked_bias`, { dtype: 'f32', shape: [], data: Float32Array.of(-1e4) });
  }
  file.set('lm_head.weight', file.get('transformer.wte.weight')!);
  const report = await expectEqual(fresh(), file, original);
  expect(report.prefix).toEqual({ dropped: 'transformer.', added: '' });
  expect(report.ignored.length).toBe(5);
});

test('GPT-2 of a different size: the error names the config fields that differ', async () => {
  const larger = new GPT2({ ...gptConfig, n_layer: 3, n_embd: 12 });
  const error = (await loadWeights(new GPT2(gptConfig), await fileOf(larger)).catch(
    (error: unknown) => error,
  )) as Error;
  expect(error.message).toMatch(
    /A different config: n_layer 3 in the file, 2 in the model; n_embd 12 in the file, 8 in the model/,
  );
  const other = await fileOf(new BertModel(bertConfig));
  await expect(loadWeights(new GPT2(gptConfig), other)).rejects.toThrow(
    /A different model: no name matches. The file looks like BERT/,
  );
});

test('weights saved as f16 load as the nearest f32 values', async () => {
  const original = seeded(() => new GPT2(gptConfig), 1);
  const copy = seeded(() => new GPT2(gptConfig), 2);
  const report = await loadWeights(copy, await saveWeights(original, { dtype: 'f16' }));
  expect(report.converted).toEqual([{ from: 'F16', to: 'F32', count: report.loaded.length }]);
  const [{ data: a }, { data: b }] = [await original.wte.weight.read(), await copy.wte.weight.read()];
  expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]) / Math.abs(value)))).toBeLessThan(2 ** -10);
});
