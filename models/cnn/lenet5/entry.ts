// LeNet-5 in the registry: training, evaluation and use.

import {
  AdamW, compile, evaluationBatches, imageBatches, loadMnist, makeOptimizer, RandomSource, softmax, spec, type Augmentation,
} from '../../../src/index.ts'; // prettier-ignore
import type { Evaluation, Example, ModelEntry, Running, Training } from '../../entry.ts';
import { optimizerStep } from '../../graphs.ts';
import { lenet5 as about } from './about.ts';
import { LeNet5, LENET_CLASSES, LENET_SIZE, lenet5Configs } from './model.ts';
import { toDigit } from './to-digit.ts';
import { lenet5Recipe, lenet5Task } from './train.ts';

/** At most this many images per run in evaluation. */
const BATCH_SIZE = 100;

function example(model: LeNet5, batch: number, seed: number): Example {
  const random = new RandomSource(seed);
  const image = Float32Array.from({ length: batch * LENET_SIZE ** 2 }, () => random.uniform());
  const label = Int32Array.from({ length: batch }, () => random.integer(LENET_CLASSES));
  const specs = { image: spec([batch, 1, LENET_SIZE, LENET_SIZE]) };
  return {
    forward: {
      fn: (inputs) => ({ logits: model.forward(inputs.image) }),
      specs,
      inputs: { image },
    },
    steps: {
      step: () => ({
        fn: optimizerStep(new AdamW(model.parameters()), lenet5Task(model)),
        specs: { ...specs, label: spec([batch], 'i32') },
        inputs: { image, label },
      }),
    },
  };
}

const train: Training<LeNet5> = {
  data: "folder with MNIST's four files",
  recipe: lenet5Recipe,
  phases: ['step'],
  settings: { augment: 'random shifts, rotations and scaling' },
  keepBest: false,
  async open(files, settings) {
    const { batchSize, seed, augment } = settings;
    const images = await loadMnist(files, 'train');
    const options = { batchSize, seed, size: LENET_SIZE, augment: (augment as Augmentation | null) ?? undefined };
    const batches = imageBatches(images, options);
    return {
      summary: `${images.count.toLocaleString('en')} images`,
      batchesPerEpoch: batches.stepsPerEpoch,
      start: (model) => ({
        data: batches,
        phases: { step: { optimizer: makeOptimizer(settings, model.parameters()), task: lenet5Task(model) } },
      }),
    };
  },
};

const evaluate: Evaluation<LeNet5> = {
  data: "folder with MNIST's test files",
  metrics: { accuracy: { title: 'accuracy', better: 'higher', percent: true } },
  unit: 'test images',
  async open(model, files) {
    const images = await loadMnist(files, 'test');
    return {
      count: images.count,
      async measure({ device, onProgress, onProgram }) {
        const batchSize = Math.min(BATCH_SIZE, images.count);
        const specs = { image: spec([batchSize, 1, LENET_SIZE, LENET_SIZE]) };
        const program = await compile(device, ({ image }) => model.forward(image), specs);
        let [correct, done] = [0, 0];
        for (const { image, label, count } of evaluationBatches(images, batchSize, LENET_SIZE)) {
          const { data } = await program.run({ image });
          for (let i = 0; i < count; i++) if (likeliest(data, i) === label[i]) correct++;
          onProgress?.((done += count), images.count);
        }
        const [{ image }] = evaluationBatches(images, batchSize, LENET_SIZE);
        await onProgram?.(program, { image }, 'a batch');
        program.dispose();
        return { accuracy: correct / images.count };
      },
    };
  },
};

/** The class of image `i` with the largest score; scores are `[B, 10]`. */
function likeliest(scores: ArrayLike<number>, i: number): number {
  let best = 0;
  for (let c = 1; c < LENET_CLASSES; c++)
    if (scores[LENET_CLASSES * i + c] > scores[LENET_CLASSES * i + best]) best = c;
  return best;
}

const run: Running<LeNet5> = {
  input: 'image',
  description: 'PNG or JPEG of one digit',
  async run(model, input, { device, onProgram }) {
    const { data, width, height } = await input.image();
    const image = toDigit(data, width, height);
    if (!image) throw new Error(`${input.text} is blank: there is no digit in it.`);
    const specs = { image: spec([1, 1, LENET_SIZE, LENET_SIZE]) };
    const program = await compile(device, (inputs) => softmax(model.forward(inputs.image), 1), specs);
    const probabilities = Array.from((await program.run({ image })).data);
    await onProgram?.(program, { image }, 'an image');
    program.dispose();
    const rows = probabilities.map((probability, digit) => ({ label: String(digit), probability }));
    return { tables: [{ rows }], values: { digit: likeliest(probabilities, 0), probabilities } };
  },
};

/** See README.md beside this file. */
export const lenet5Entry: ModelEntry<LeNet5> = {
  ...about,
  build: (config) => new LeNet5(lenet5Configs[config as keyof typeof lenet5Configs]),
  weights: { modern: new URL('./weights.safetensors', import.meta.url) },
  example,
  train,
  evaluate,
  run,
};
