// What character language models share in the registry: data, evaluation, answers and generation.

import {
  CharTokenizer, compile, Decoder, generateText, KneserNey, lastTenth, makeOptimizer, RandomSource, reshape, slice, softmax, spec,
  windowBatches, type Task, type UnknownCharacters,
} from '../../src/index.ts'; // prettier-ignore
import type { Example, ModelEntry, ModelRecipe, Ranked } from '../entry.ts';
import { optimizerStep } from '../graphs.ts';
import { natsPerCharacter, type CharacterModel } from './character-measure.ts';
import { readTexts, TEXT_DATA } from './read-texts.ts';
import { detailsOf, tokenizerOf, vocabularyIn } from './vocabulary.ts';

/** What differs between the models. */
export interface CharacterParts<M> {
  readonly recipe: ModelRecipe & { readonly length: number };
  readonly task: (model: M) => Task;
  /** The size of the model's vocabulary. */
  readonly vocabularySize: (model: M) => number;
}

/** The order of the baseline: it sees the five characters before each one. */
const ORDER = 6;
/** Characters in an example, for models without a maximum length. */
const LENGTH = 64;
/** Candidates that `run` shows. */
const TOP = 10;

const dropUnknown = { description: 'ignore characters that the model does not know', type: 'flag' } as const;

/** The tokenizer of `model`, which drops unknown characters if `options` say so. */
const tokenizerFor = (model: CharacterModel, options: Readonly<Record<string, unknown>>): CharTokenizer => {
  const unknown: UnknownCharacters = options.dropUnknown ? 'drop' : 'error';
  return tokenizerOf(model).with(unknown);
};

/** The capabilities of a character language model. */
export function characterCapabilities<M extends CharacterModel>({
  recipe,
  task,
  vocabularySize,
}: CharacterParts<M>): Pick<ModelEntry<M>, 'example' | 'train' | 'evaluate' | 'run' | 'generate'> {
  return {
    example: (model, batch, seed) => example(model, batch, seed, recipe, task(model), vocabularySize(model)),
    train: {
      data: TEXT_DATA,
      recipe,
      phases: ['step'],
      settings: { length: 'characters per window' },
      keepBest: true,
      async open(files, settings, details) {
        const text = (await readTexts(files)).join('\n');
        const known = vocabularyIn(details);
        const tokenizer = known ? new CharTokenizer(known) : CharTokenizer.of(text);
        const { train, heldOut } = lastTenth(tokenizer.encode(text));
        const { batchSize, seed } = settings;
        const data = windowBatches(train, { batchSize, seed, length: Number(settings.length) });
        const counts = [train.length, heldOut.length, tokenizer.vocabularySize].map((count) =>
          count.toLocaleString('en'),
        );
        return {
          summary: `${counts[0]} characters, ${counts[1]} held out, ${counts[2]} distinct`,
          details: detailsOf(tokenizer),
          batchesPerEpoch: data.stepsPerEpoch,
          start(model) {
            expectLength(model, Number(settings.length));
            const optimizer = makeOptimizer(settings, model.parameters());
            return { data, phases: { step: { optimizer, task: task(model), maxGradNorm: settings.maxGradNorm } } };
          },
        };
      },
    },
    evaluate: {
      data: TEXT_DATA,
      metrics: { nats_per_character: { title: 'nats per character', better: 'lower' } },
      unit: 'characters',
      baseline: `interpolated Kneser-Ney of order ${ORDER}, fitted to the other nine tenths`,
      async open(model, files) {
        const text = (await readTexts(files)).join('\n');
        const tokenizer = tokenizerOf(model);
        const { train, heldOut } = lastTenth(tokenizer.encode(text));
        return {
          count: heldOut.length - 1,
          measure: async (work) => ({ nats_per_character: await natsPerCharacter(model, heldOut, work) }),
          async baselines() {
            const { vocabularySize: size } = tokenizer;
            const baseline = KneserNey.fit(train, { order: ORDER, vocabularySize: size });
            return { [`kneser_ney_${ORDER}`]: { nats_per_character: baseline.nats(heldOut) } };
          },
        };
      },
    },
    run: {
      input: 'prompt',
      description: 'a text; prints the likeliest next characters',
      options: { top: { description: 'candidates to show', type: 'integer', preset: String(TOP) }, dropUnknown },
      async run(model, { text, options }, { device, onProgram }) {
        const tokenizer = tokenizerFor(model, options);
        const ids = tokenizer.encode(text).slice(-(model.maxPositions ?? Infinity));
        if (ids.length === 0) throw new Error('The prompt is empty: it needs at least one character.');
        const specs = { ids: spec([1, ids.length], 'i32') };
        using program = await compile(device, (inputs) => nextProbabilities(model, inputs.ids), specs);
        const { data } = await program.run({ ids });
        await onProgram?.(program, { ids }, 'the prompt');
        const rows: Ranked[] = Array.from(data, (probability, id) => ({ label: tokenizer.token(id), probability }));
        const top = rows.sort((a, b) => b.probability - a.probability).slice(0, Number(options.top ?? TOP));
        const next = top.map(({ label, probability }) => ({ character: label, probability }));
        // Quoted, because a space or newline would be invisible.
        const shown = top.map(({ label, probability }) => ({ label: JSON.stringify(label), probability }));
        return { tables: [{ rows: shown }], values: { prompt: text, next } };
      },
    },
    generate: {
      kind: 'text',
      unit: 'characters',
      count: 500,
      options: {
        prompt: { description: 'beginning of the text', type: 'text', preset: 'a newline' },
        temperature: {
          description: 'sampling temperature; 0 always takes the likeliest',
          type: 'number',
          preset: '0.8',
        },
        topK: { description: 'sample from the n likeliest characters', type: 'integer', preset: 'all' },
        topP: { description: 'sample from the likeliest with this total probability', type: 'number', preset: '1' },
        minP: {
          description: 'sample from those with at least this fraction of the highest probability',
          type: 'number',
          preset: '0',
        },
        dropUnknown,
      },
      async *generate(model, { count, seed, options }, { device, onProgram, signal }) {
        const { prompt = '', temperature = 0.8, topK, topP, minP } = options as Readonly<Record<string, never>>;
        const tokenizer = tokenizerFor(model, options);
        using decoder = new Decoder(device, model);
        yield* generateText(decoder, tokenizer, prompt, {
          maxTokens: count, seed, temperature, topK, topP, minP, stopAtRepetition: false, signal,
        }); // prettier-ignore
        if (onProgram) await decoder.profile(onProgram);
      },
    },
  };
}

/** @throws an Error if windows are longer than the model's maximum. */
function expectLength({ maxPositions = Infinity }: CharacterModel, length: number): void {
  if (length <= maxPositions) return;
  throw new Error(`Windows of ${length} characters are too long: this config takes at most ${maxPositions}.`);
}

/** ids [1, T] → the probability of each next character [V]. */
function nextProbabilities(model: CharacterModel, ids: Parameters<CharacterModel['forward']>[0]) {
  const logits = model.forward(ids); // [1, T, V]
  const [, length, size] = logits.shape;
  return softmax(reshape(slice(logits, [0, length - 1, 0], [1, length, size]), [size]), 0);
}

function example(
  model: CharacterModel,
  batch: number,
  seed: number,
  recipe: ModelRecipe,
  task: Task,
  vocabularySize: number,
): Example {
  const random = new RandomSource(seed);
  const length = model.maxPositions ?? LENGTH;
  const draw = () => Int32Array.from({ length: batch * length }, () => random.integer(vocabularySize));
  const [ids, next] = [draw(), draw()];
  const shape = spec([batch, length], 'i32');
  return {
    forward: { fn: (inputs) => ({ logits: model.forward(inputs.ids) }), specs: { ids: shape }, inputs: { ids } },
    steps: {
      step: () => ({
        fn: optimizerStep(makeOptimizer(recipe, model.parameters()), task),
        specs: { ids: shape, next: shape },
        inputs: { ids, next },
      }),
    },
  };
}
