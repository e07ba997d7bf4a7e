// What language models of characters have in common in the registry: their data, measurement, answers and texts.

import {
  CharTokenizer, compile, Decoder, generateText, KneserNey, lastTenth, makeOptimizer, RandomSource, reshape, slice, softmax, spec,
  windowBatches, type Task, type UnknownCharacters,
} from '../../src/index.ts'; // prettier-ignore
import type { Example, ModelEntry, ModelRecipe, Ranked } from '../entry.ts';
import { optimizerStep } from '../graphs.ts';
import { natsPerCharacter, type CharacterModel } from './character-measure.ts';
import { readTexts, TEXT_DATA } from './read-texts.ts';
import { detailsOf, tokenizerOf, vocabularyIn } from './vocabulary.ts';

/** What differs between these models. */
export interface CharacterParts<M> {
  readonly recipe: ModelRecipe & { readonly length: number };
  readonly task: (model: M) => Task;
  /** Characters that `model` knows. */
  readonly vocabularySize: (model: M) => number;
}

/** Order of the rival: the five characters before each one. */
const ORDER = 6;
/** Characters of an example, for models without a longest text. */
const LENGTH = 64;
/** Answers of `run`. */
const TOP = 10;

const dropUnknown = { description: 'leave out what the model has never seen', type: 'flag' } as const;

/** The tokenizer of `model`, which leaves out what it does not know if that is wanted. */
const tokenizerFor = (model: CharacterModel, options: Readonly<Record<string, unknown>>): CharTokenizer => {
  const unknown: UnknownCharacters = options.dropUnknown ? 'drop' : 'error';
  return tokenizerOf(model).with(unknown);
};

/** The capabilities of a language model of characters. */
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
      settings: { length: 'characters of a window' },
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
          summary: `${counts[0]} characters, ${counts[1]} held out, ${counts[2]} different ones`,
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
      rival: `interpolated Kneser-Ney of order ${ORDER} on the other nine tenths`,
      async open(model, files) {
        const text = (await readTexts(files)).join('\n');
        const tokenizer = tokenizerOf(model);
        const { train, heldOut } = lastTenth(tokenizer.encode(text));
        return {
          count: heldOut.length - 1,
          measure: async (work) => ({ nats_per_character: await natsPerCharacter(model, heldOut, work) }),
          async baselines() {
            const { vocabularySize: size } = tokenizer;
            const rival = KneserNey.fit(train, { order: ORDER, vocabularySize: size });
            return { [`kneser_ney_${ORDER}`]: { nats_per_character: rival.nats(heldOut) } };
          },
        };
      },
    },
    run: {
      input: 'prompt',
      description: 'a text; the answer is how likely each character comes next',
      options: { top: { description: 'answers to show', type: 'integer', preset: String(TOP) }, dropUnknown },
      async run(model, { text, options }, { device, onProgram }) {
        const tokenizer = tokenizerFor(model, options);
        const ids = tokenizer.encode(text).slice(-(model.maxPositions ?? Infinity));
        if (ids.length === 0) throw new Error('The prompt is empty: it needs a character at least.');
        const specs = { ids: spec([1, ids.length], 'i32') };
        using program = await compile(device, (inputs) => nextProbabilities(model, inputs.ids), specs);
        const { data } = await program.run({ ids });
        await onProgram?.(program, { ids }, 'the prompt');
        const rows: Ranked[] = Array.from(data, (probability, id) => ({ label: tokenizer.token(id), probability }));
        const top = rows.sort((a, b) => b.probability - a.probability).slice(0, Number(options.top ?? TOP));
        const next = top.map(({ label, probability }) => ({ character: label, probability }));
        // A blank or a line end would not be seen.
        const shown = top.map(({ label, probability }) => ({ label: JSON.stringify(label), probability }));
        return { tables: [{ rows: shown }], values: { prompt: text, next } };
      },
    },
    generate: {
      kind: 'text',
      unit: 'characters',
      count: 500,
      options: {
        prompt: { description: 'what the text begins with', type: 'text', preset: 'a line end' },
        temperature: { description: 'below 1: likelier characters, 0: the likeliest', type: 'number', preset: '0.8' },
        topK: { description: 'draw from the n likeliest characters', type: 'integer', preset: 'all' },
        topP: { description: 'draw from the likeliest that have this share together', type: 'number', preset: '1' },
        minP: {
          description: 'draw from those with this part of the probability of the likeliest',
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

/** @throws an Error for windows that are longer than what the model sees. */
function expectLength({ maxPositions = Infinity }: CharacterModel, length: number): void {
  if (length <= maxPositions) return;
  throw new Error(`Windows of ${length} characters are too long: this config sees ${maxPositions} at once.`);
}

/** ids [1, T] → how likely each character comes next [V]. */
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
