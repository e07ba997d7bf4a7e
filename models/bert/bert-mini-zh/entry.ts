// The small Chinese BERT in the registry: training, evaluation and use.

import { CharTokenizer, makeOptimizer, RandomSource, spec } from '../../../src/index.ts';
import type { Evaluation, Example, ModelEntry, Training } from '../../entry.ts';
import { optimizerStep } from '../../graphs.ts';
import { detailsOf, tokenizerOf, vocabularyIn, withVocabulary } from '../../text/vocabulary.ts';
import { bertMiniZh as about } from './about.ts';
import { CHAPTER_DATA, encodeChapters, readChapters } from './chapters.ts';
import { pretrainingBatches, specialTokens } from './data.ts';
import { evaluationData } from './evaluate.ts';
import { BertForPreTraining, bertConfigs, type BertConfig } from './model.ts';
import { run } from './run.ts';
import { bertRecipe, bertTask } from './train.ts';
import { warmStart } from './warm-start.ts';

const configs: Readonly<Record<string, BertConfig>> = {
  // Google's size is left out: it reads a vocabulary of its own, vocab.txt.
  'mini-zh': bertConfigs['mini-zh'],
  /** For trying things out. */
  tiny: { ...bertConfigs['mini-zh'], hidden_size: 16, num_hidden_layers: 1, intermediate_size: 32 },
};

function example(model: BertForPreTraining, batch: number, seed: number): Example {
  const { vocab_size, max_position_embeddings: length } = model.config;
  const random = new RandomSource(seed);
  const draw = (count: number, below: number) => Int32Array.from({ length: count }, () => random.integer(below));
  const asked = batch * Math.round((length - 3) * bertRecipe.masked);
  const segments = Int32Array.from({ length: batch * length }, (_, i) => Number(i % length > length / 2));
  const input = { input_ids: draw(batch * length, vocab_size), token_type_ids: segments };
  const shape = spec([batch, length], 'i32');
  const specs = { input_ids: shape, token_type_ids: shape };
  return {
    forward: {
      fn: ({ input_ids, token_type_ids }) => ({ ...model.forward({ input_ids, token_type_ids }) }),
      specs,
      inputs: input,
    },
    steps: {
      step: () => ({
        fn: optimizerStep(makeOptimizer(bertRecipe, model.parameters()), bertTask(model)),
        specs: {
          ...specs,
          positions: spec([asked], 'i32'),
          labels: spec([asked], 'i32'),
          follows: spec([batch], 'i32'),
        },
        inputs: {
          ...input,
          positions: draw(asked, batch * length),
          labels: draw(asked, vocab_size),
          follows: draw(batch, 2),
        },
      }),
    },
  };
}

/** Steps between evaluations; an epoch would be too long. */
const EVALUATE_EVERY = 250;

const train: Training<BertForPreTraining> = {
  data: CHAPTER_DATA,
  recipe: bertRecipe,
  phases: ['step'],
  settings: { length: 'tokens per input', masked: 'fraction of the characters to predict' },
  keepBest: true,
  async open(files, settings, details) {
    const { batchSize, seed } = settings;
    const [length, masked] = [Number(settings.length), Number(settings.masked)];
    const chapters = await readChapters(files);
    const known = vocabularyIn(details);
    const tokenizer = known
      ? new CharTokenizer(known, { unknown: 'token' })
      : CharTokenizer.byFrequency(chapters.train, specialTokens).with('token');
    const ids = encodeChapters(chapters.train, tokenizer, length - 3);
    const { vocabularySize } = tokenizer;
    const data = pretrainingBatches(ids, { batchSize, length, masked, vocabularySize, seed });
    const count = ids.reduce((sum, chapter) => sum + chapter.length, 0);
    return {
      summary: `${count.toLocaleString('en')} characters in ${ids.length} chapters, ${chapters.heldOut.length} chapters held out`,
      details: detailsOf(tokenizer),
      batchesPerEpoch: Math.max(1, Math.floor(count / (batchSize * (length - 3)))),
      evaluateEvery: EVALUATE_EVERY,
      start(model) {
        const { max_position_embeddings: longest } = model.config;
        if (length > longest)
          throw new Error(`Inputs of ${length} tokens are too long: this config takes at most ${longest}.`);
        warmStart(model, ids);
        const optimizer = makeOptimizer(settings, model.parameters());
        return { data, phases: { step: { optimizer, task: bertTask(model), maxGradNorm: settings.maxGradNorm } } };
      },
    };
  },
};

const evaluate: Evaluation<BertForPreTraining> = {
  data: CHAPTER_DATA,
  metrics: {
    masked_accuracy: { title: 'masked character accuracy', better: 'higher', percent: true },
    next_sentence_accuracy: { title: 'next sentence accuracy', better: 'higher', percent: true },
  },
  unit: 'windows',
  baseline: 'counts of the characters between the same two neighbours',
  open: async (model, files) => evaluationData(model, await readChapters(files), tokenizerOf(model).with('token')),
};

/** See README.md beside this file. */
export const bertMiniZhEntry: ModelEntry<BertForPreTraining> = {
  ...about,
  build(config, details) {
    const vocab_size = vocabularyIn(details)?.length ?? configs[config].vocab_size;
    return withVocabulary(new BertForPreTraining({ ...configs[config], vocab_size }), details);
  },
  weights: { 'mini-zh': new URL('./weights.safetensors', import.meta.url) },
  example,
  train,
  evaluate,
  run,
};
