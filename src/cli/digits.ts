// What the commands do with a model that tells digits apart.

import {
  compile,
  evalBatches,
  softmax,
  spec,
  type Device,
  type ImageDataset,
  type Layer,
  type OnProgram,
} from '../node.ts';

/** Images of one run in evaluation, at most. */
const BATCH_SIZE = 100;
const CLASSES = 10;
const IMAGE = [1, 32, 32];

/** The likeliest class of image `i` in `scores` `[B, 10]`. */
function bestClass(scores: ArrayLike<number>, i: number): number {
  let best = 0;
  for (let c = 1; c < CLASSES; c++) if (scores[CLASSES * i + c] > scores[CLASSES * i + best]) best = c;
  return best;
}

/** How many of the first `count` images are told right, from `scores` `[B, 10]`. */
export function countRight(scores: ArrayLike<number>, labels: Int32Array, count = labels.length): number {
  let right = 0;
  for (let i = 0; i < count; i++) if (bestClass(scores, i) === labels[i]) right++;
  return right;
}

/** What evaluation gives: the share of images told right, of how many, and the seconds it took. */
export interface Evaluation {
  readonly accuracy: number;
  readonly count: number;
  readonly seconds: number;
}

/** Runs `model` on all images of `data`; `onProgram` is given the program afterwards, with the first batch. */
export async function evaluate(
  device: Device,
  model: Layer,
  data: ImageDataset,
  onProgress: (done: number) => void,
  onProgram?: OnProgram,
): Promise<Evaluation> {
  const batchSize = Math.min(BATCH_SIZE, data.count);
  const specs = { image: spec([batchSize, ...IMAGE]) };
  const program = await compile(device, ({ image }) => model.forward(image), specs);
  const start = performance.now();
  let [right, done] = [0, 0];
  for (const { image, label, count } of evalBatches(data, batchSize)) {
    const logits = await program.run({ image });
    right += countRight(logits.data, label, count);
    done += count;
    onProgress(done);
  }
  const seconds = (performance.now() - start) / 1000;
  const [{ image }] = evalBatches(data, batchSize);
  await onProgram?.(program, { image }, 'a batch');
  program.dispose();
  return { accuracy: right / data.count, count: data.count, seconds };
}

/** The ten classes' probabilities for one image `[32, 32]`; `onProgram` is given the program afterwards. */
export async function classify(
  device: Device,
  model: Layer,
  image: Float32Array,
  onProgram?: OnProgram,
): Promise<number[]> {
  const specs = { image: spec([1, ...IMAGE]) };
  const program = await compile(device, (inputs) => softmax(model.forward(inputs.image), 1), specs);
  const { data } = await program.run({ image });
  await onProgram?.(program, { image }, 'an image');
  program.dispose();
  return Array.from(data);
}
