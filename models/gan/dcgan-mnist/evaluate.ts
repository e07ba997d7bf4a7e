// How generated digits are evaluated: which classes LeNet-5 sees, and how far its features are from those of real digits.

import {
  compile, evaluationBatches, frechetDistance, GaussianClasses, Moments, RandomSource, spec, type ImageDataset, type Tensor,
} from '../../../src/index.ts'; // prettier-ignore
import { lenet5Entry } from '../../cnn/lenet5/entry.ts';
import { LENET_CLASSES, LENET_SIZE, type LeNet5 } from '../../cnn/lenet5/model.ts';
import type { EvaluationWork } from '../../entry.ts';
import type { DCGAN } from './model.ts';
import { toImage } from './train.ts';

/** At most this many images per run. */
const MOST = 250;
/** The width of F6, LeNet-5's last hidden layer. */
const FEATURES = 84;
/** Principal components of the baseline. */
const COMPONENTS = 64;
/** The samples are always the same. */
const SEED = 12_345;

type Metrics = Readonly<Record<string, number>>;

/** What LeNet-5 sees in a set of images. */
interface Reading {
  /** How many images it assigns to each class. */
  readonly counts: readonly number[];
  readonly features: Moments;
}

/** Batches of inputs, and a function that makes images `[B, 1, 32, 32]` from 0 to 1 of them. */
interface Images {
  readonly count: number;
  readonly shape: readonly number[];
  readonly draw: (input: Tensor) => Tensor;
  /** Images per run. */
  readonly batch: number;
  /** The inputs of images `first` to `first + batch`; those beyond `count` do not matter. */
  readonly inputs: (first: number) => Float32Array;
}

/** Classifies images with the shipped LeNet-5. */
async function read(images: Images, { device, onProgress, onProgram, loadWeights }: EvaluationWork): Promise<Reading> {
  const judge = lenet5Entry.build(lenet5Entry.config);
  await loadWeights(judge, lenet5Entry.weights[lenet5Entry.config]);
  const { count, batch, shape, draw, inputs } = images;
  const fn = ({ input }: Readonly<Record<string, Tensor>>) => {
    const { f6, logits } = (judge as LeNet5).maps(draw(input));
    return { f6, logits };
  };
  using program = await compile(device, fn, { input: spec([batch, ...shape]) });
  const counts = new Array<number>(LENET_CLASSES).fill(0);
  const features = new Moments(FEATURES);
  for (let first = 0; first < count; first += batch) {
    const { f6, logits } = await program.run({ input: inputs(first) });
    const real = Math.min(batch, count - first);
    features.add(f6.data, real);
    for (let i = 0; i < real; i++) {
      const scores = [...logits.data.subarray(i * LENET_CLASSES, (i + 1) * LENET_CLASSES)];
      counts[scores.indexOf(Math.max(...scores))]++;
    }
    onProgress?.(first + real, count);
  }
  await onProgram?.(program, { input: inputs(0) }, 'a batch');
  return { counts, features };
}

/** Digits of MNIST. */
function realDigits(images: ImageDataset): Images {
  const batch = Math.min(MOST, images.count);
  const batches = [...evaluationBatches(images, batch, LENET_SIZE)].map(({ image }) => image);
  return {
    count: images.count,
    batch,
    shape: [1, LENET_SIZE, LENET_SIZE],
    draw: (image) => image,
    inputs: (first) => batches[first / batch],
  };
}

/** Digits from the generator. */
function generatedDigits({ generator, config: { nz } }: DCGAN, count: number): Images {
  const batch = Math.min(MOST, count);
  return {
    count,
    batch,
    shape: [nz],
    draw: (z) => toImage(generator.forward(z)),
    inputs(first) {
      const random = new RandomSource(SEED, first);
      return Float32Array.from({ length: batch * nz }, () => random.normal());
    },
  };
}

/** Digits sampled from Gaussians, one per class, fitted to `images`. */
function gaussianDigits(images: ImageDataset, count: number): Images {
  const { height, width, labels } = images;
  const vectors = Float32Array.from(images.images, (ink) => ink / 255);
  const gaussians = GaussianClasses.fit({ vectors, size: height * width, labels, classes: LENET_CLASSES }, COMPONENTS);
  const sampled = gaussians.sample(count, new RandomSource(SEED));
  const ink = Uint8Array.from(sampled, (value) => 255 * Math.min(1, Math.max(0, value)));
  return realDigits({ images: ink, labels: new Uint8Array(count), count, height, width });
}

/** The metrics of images, given the features of real ones. */
function metricsOf({ counts, features }: Reading, real: Moments): Metrics {
  return {
    smallest_class_share: Math.min(...counts) / features.count,
    frechet_distance: frechetDistance(features, real),
  };
}

/** The first `count` images of a dataset. */
const firstOf = (set: ImageDataset, count: number): ImageDataset => ({ ...set, count: Math.min(count, set.count) });

/** Compares `count` samples of a model with real digits from `test`. */
export async function measureGenerator(
  model: DCGAN,
  test: ImageDataset,
  count: number,
  work: EvaluationWork,
): Promise<Metrics> {
  const { features } = await read(realDigits(firstOf(test, count)), {
    ...work,
    onProgress: undefined,
    onProgram: undefined,
  });
  return metricsOf(await read(generatedDigits(model, count), work), features);
}

/** The baseline, and other real digits, which is as close as a generator can come. */
export async function measureBaselines(
  train: ImageDataset,
  test: ImageDataset,
  count: number,
  work: EvaluationWork,
): Promise<Readonly<Record<string, Metrics>>> {
  const { features } = await read(realDigits(firstOf(test, count)), work);
  const gaussian = await read(gaussianDigits(train, count), work);
  const real = await read(realDigits(firstOf(train, count)), work);
  return { gaussian_per_class: metricsOf(gaussian, features), real_digits: metricsOf(real, features) };
}
