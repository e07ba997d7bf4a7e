// DCGAN in the registry: training, evaluation and generation.

import {
  compile, imageBatches, loadMnist, makeOptimizer, RandomSource, spec, WeightAverage, watchOutput, type Watch,
} from '../../../src/index.ts'; // prettier-ignore
import type { Evaluation, Example, Generation, ModelEntry, Training } from '../../entry.ts';
import { optimizerStep } from '../../graphs.ts';
import { dcganMnist as about } from './about.ts';
import { measureBaselines, measureGenerator } from './evaluate.ts';
import { DCGAN, dcganConfigs, type DCGANConfig } from './model.ts';
import { dcganPhases, dcganRecipe, toImage } from './train.ts';

const SIZE = 32;
/** At most this many samples are evaluated, and during training. */
const SAMPLES = 10_000;
const QUICK = 2000;
/** Images generated at once. */
const BATCH = 16;

const configs: Readonly<Record<string, DCGANConfig>> = {
  ...dcganConfigs,
  /** For trying things out. */
  tiny: { nz: 8, ngf: 4, ndf: 4, nc: 1 },
};

function example(model: DCGAN, batch: number, seed: number): Example {
  const random = new RandomSource(seed);
  const z = Float32Array.from({ length: batch * model.config.nz }, () => random.normal());
  const image = Float32Array.from({ length: batch * SIZE ** 2 }, () => random.uniform());
  const specs = { image: spec([batch, 1, SIZE, SIZE]) };
  const tasks = dcganPhases(model);
  const step = (phase: 'discriminator' | 'generator') => () => ({
    fn: optimizerStep(makeOptimizer(dcganRecipe, model[phase].parameters()), tasks[phase]),
    specs,
    inputs: { image },
  });
  return {
    forward: {
      fn: (inputs) => ({ image: toImage(model.forward(inputs.z)) }),
      specs: { z: spec([batch, model.config.nz]) },
      inputs: { z },
    },
    steps: { discriminator: step('discriminator'), generator: step('generator') },
  };
}

/** The two ways in which a GAN fails while its losses stay finite. */
const watches = (): Watch[] => [
  watchOutput({
    phase: 'discriminator',
    below: 1e-3,
    steps: 300,
    meaning: 'it always wins, so the generator has nothing left to learn from',
  }),
  watchOutput({ phase: 'generator', output: 'diversity', below: 0.02, meaning: 'its images are all alike' }),
];

const train: Training<DCGAN> = {
  data: "folder with MNIST's four files",
  recipe: dcganRecipe,
  phases: ['discriminator', 'generator'],
  keepBest: true,
  async open(files, settings) {
    const { batchSize, seed, averageDecay } = settings;
    const images = await loadMnist(files, 'train');
    const batches = imageBatches(images, { batchSize, seed, size: SIZE });
    return {
      summary: `${images.count.toLocaleString('en')} images`,
      batchesPerEpoch: batches.stepsPerEpoch,
      start(model) {
        const { discriminator, generator } = dcganPhases(model);
        return {
          data: batches,
          phases: {
            discriminator: {
              optimizer: makeOptimizer(settings, model.discriminator.parameters()),
              task: discriminator,
            },
            generator: { optimizer: makeOptimizer(settings, model.generator.parameters()), task: generator },
          },
          average: new WeightAverage(model.generator.state('generator.'), { decay: averageDecay }),
          watch: watches(),
        };
      },
    };
  },
};

const evaluate: Evaluation<DCGAN> = {
  data: "folder with MNIST's test files; with --baseline, all four",
  metrics: {
    frechet_distance: { title: 'Fréchet distance', better: 'lower' },
    smallest_class_share: { title: 'smallest class share', better: 'higher', percent: true },
  },
  unit: 'samples',
  baseline: 'a Gaussian per class in the space of 64 principal components, and real digits',
  async open(model, files) {
    const test = await loadMnist(files, 'test');
    // As many as the real digits to which they are compared.
    const count = Math.min(SAMPLES, test.count);
    return {
      count,
      measure: (work) => measureGenerator(model, test, work.quick ? Math.min(QUICK, count) : count, work),
      baselines: async (work) => measureBaselines(await loadMnist(files, 'train'), test, count, work),
    };
  },
};

const generate: Generation<DCGAN> = {
  kind: 'images',
  unit: 'images',
  count: 64,
  async generate(model, { count, seed }, { device, onProgress, onProgram, signal }) {
    const { nz } = model.config;
    const batch = Math.min(count, BATCH);
    using program = await compile(device, ({ z }) => toImage(model.forward(z)), { z: spec([batch, nz]) });
    const data = new Uint8Array(count * SIZE ** 2);
    const z = new Float32Array(batch * nz);
    for (let first = 0; first < count; first += batch) {
      signal?.throwIfAborted();
      for (let i = 0; i < batch; i++) {
        // An image depends on the seed and its number, not on how many there are.
        const random = new RandomSource(seed, first + i);
        for (let k = 0; k < nz; k++) z[i * nz + k] = random.normal();
      }
      const { data: ink } = await program.run({ z });
      const part = Math.min(batch, count - first) * SIZE ** 2;
      for (let i = 0; i < part; i++) data[first * SIZE ** 2 + i] = Math.round(255 * ink[i]);
      onProgress?.(Math.min(first + batch, count), count);
    }
    await onProgram?.(program, { z }, 'a batch');
    return { height: SIZE, width: SIZE, channels: 1, data };
  },
};

/** See README.md beside this file. */
export const dcganMnistEntry: ModelEntry<DCGAN> = {
  ...about,
  build: (config) => new DCGAN(configs[config]),
  weights: { mnist: new URL('./weights.safetensors', import.meta.url) },
  example,
  train,
  evaluate,
  generate,
};
