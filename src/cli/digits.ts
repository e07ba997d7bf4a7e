// What the commands do with a model that tells digits apart.

import {
  compile,
  evalBatches,
  profile,
  softmax,
  spec,
  type Device,
  type ImageDataset,
  type Module,
  type Profile,
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
  /** Where the time of a batch goes, where that was asked for. */
  readonly profile: Profile | null;
}

/** Runs `model` on all images of `data`; with `profiled` tells afterwards where the time of a batch goes. */
export async function evaluate(
  device: Device,
  model: Module,
  data: ImageDataset,
  onProgress: (done: number) => void,
  profiled = false,
): Promise<Evaluation> {
  model.eval();
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
  const measured = profiled ? await profile(program, { image }) : null;
  program.dispose();
  return { accuracy: right / data.count, count: data.count, seconds, profile: measured };
}

/** The ten classes' probabilities for one image `[32, 32]`, and with `profiled` where the time for it goes. */
export async function classify(
  device: Device,
  model: Module,
  image: Float32Array,
  profiled = false,
): Promise<{ readonly probabilities: number[]; readonly profile: Profile | null }> {
  model.eval();
  const specs = { image: spec([1, ...IMAGE]) };
  const program = await compile(device, (inputs) => softmax(model.forward(inputs.image), 1), specs);
  const { data } = await program.run({ image });
  const measured = profiled ? await profile(program, { image }) : null;
  program.dispose();
  return { probabilities: Array.from(data), profile: measured };
}
