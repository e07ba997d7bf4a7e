// Batches of labelled images as a pure function of seed and step, so that training resumes exactly where it stopped.

import { RandomSource, threefry2x32 } from '../core/random.ts';
import { spec, type TensorSpec } from '../core/tensor.ts';
import type { ImageDataset } from './image-dataset.ts';
import { Warper, type Augmentation } from './warp.ts';

/** Images `[B, 1, size, size]` in 0 to 1 and their classes `[B]`, as inputs of a compiled model. */
export type ImageBatch = { image: Float32Array; label: Int32Array };

/** Options of `imageBatches`. */
export interface ImageBatchOptions {
  readonly batchSize: number;
  /** A 32-bit integer. */
  readonly seed: number;
  /** Height and width of a batch's images. Smaller dataset images are centred on black. */
  readonly size: number;
  /** Random warps, drawn again for each image in each epoch. */
  readonly augment?: Augmentation;
}

/** Batches by step number. */
export interface ImageBatches {
  readonly specs: { image: TensorSpec; label: TensorSpec };
  /** Full batches per epoch. Each epoch leaves out the remainder, which depends on its order. */
  readonly stepsPerEpoch: number;
  /** The batch of `step` (from 0). It depends only on the seed and the step, not on the order of calls. */
  batch(step: number): ImageBatch;
}

// Separate the random streams of shuffling and warping under one seed.
const SHUFFLE = 0x5eed0001;
const WARP = 0x5eed0002;

/**
 * Batches for training: each epoch visits the samples in a new order, each at most once.
 * @throws an Error for a batch larger than the dataset, or images larger than `size`.
 */
export function imageBatches(dataset: ImageDataset, options: ImageBatchOptions): ImageBatches {
  const { batchSize, seed, size, augment } = options;
  checkSizes(dataset, batchSize, size);
  const stepsPerEpoch = Math.floor(dataset.count / batchSize);
  if (stepsPerEpoch === 0) {
    throw new Error(`A batch of ${batchSize} needs as many images, but the dataset has ${dataset.count}.`);
  }
  const warper = augment ? new Warper(size, augment) : null;
  let order: { epoch: number; samples: Uint32Array } = { epoch: -1, samples: new Uint32Array(0) };

  function batch(step: number): ImageBatch {
    if (!Number.isSafeInteger(step) || step < 0)
      throw new Error(`A step must be an integer of at least 0, not ${step}.`);
    const epoch = Math.floor(step / stepsPerEpoch);
    if (order.epoch !== epoch) order = { epoch, samples: shuffle(dataset.count, seed, epoch) };
    const first = (step % stepsPerEpoch) * batchSize;
    const result = emptyBatch(batchSize, size);
    for (let i = 0; i < batchSize; i++) {
      const sample = order.samples[first + i];
      result.label[i] = dataset.labels[sample];
      const at = i * size * size;
      if (warper) {
        const image = { ...dataset, data: dataset.images, offset: sample * dataset.height * dataset.width };
        const [key, stream] = threefry2x32(seed, WARP, epoch, sample);
        warper.warp(image, new RandomSource(key, stream), result.image, at);
      } else {
        pad(dataset, sample, size, result.image, at);
      }
    }
    return result;
  }

  const specs = { image: spec([batchSize, 1, size, size]), label: spec([batchSize], 'i32') };
  return { specs, stepsPerEpoch, batch };
}

/**
 * Batches for evaluation: all samples in order. The last batch is padded with black images of class 0; `count` is the number
 * of real images in each batch.
 */
export function* evaluationBatches(
  dataset: ImageDataset,
  batchSize: number,
  size: number,
): Generator<ImageBatch & { count: number }, void, undefined> {
  checkSizes(dataset, batchSize, size);
  for (let first = 0; first < dataset.count; first += batchSize) {
    const { image, label } = emptyBatch(batchSize, size);
    const count = Math.min(batchSize, dataset.count - first);
    for (let i = 0; i < count; i++) {
      label[i] = dataset.labels[first + i];
      pad(dataset, first + i, size, image, i * size * size);
    }
    yield { image, label, count };
  }
}

function shuffle(count: number, seed: number, epoch: number): Uint32Array {
  const [key, stream] = threefry2x32(seed, SHUFFLE, epoch, 0);
  return new RandomSource(key, stream).permutation(count);
}

const emptyBatch = (batchSize: number, size: number): ImageBatch => ({
  image: new Float32Array(batchSize * size * size),
  label: new Int32Array(batchSize),
});

/** Copies one image, scaled to 0 to 1, into the middle of a black square. */
function pad(
  { images, height, width }: ImageDataset,
  sample: number,
  size: number,
  out: Float32Array,
  at: number,
): void {
  let from = sample * height * width;
  let to = at + Math.floor((size - height) / 2) * size + Math.floor((size - width) / 2);
  for (let y = 0; y < height; y++, to += size) {
    for (let x = 0; x < width; x++) out[to + x] = images[from++] / 255;
  }
}

function checkSizes({ height, width }: ImageDataset, batchSize: number, size: number): void {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new Error(`A batch size must be an integer of at least 1, not ${batchSize}.`);
  }
  if (height > size || width > size) {
    throw new Error(`Images of ${height}×${width} pixels do not fit into ${size}×${size}.`);
  }
}
