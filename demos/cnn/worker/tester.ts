// Tests a network on digits that it was not trained on, and keeps those that it gets wrong.

import { LENET_SIZE } from '../../../models/cnn/lenet5/model.ts';
import { compile, evaluationBatches, spec, type Device, type ImageDataset } from '../../../src/index.ts';
import type { Samples } from '../protocol.ts';
import { LazyProgram } from './lazy-program.ts';
import type { Network } from './network.ts';
import { bestClasses } from './scores.ts';

/** What a test gives. */
export interface TestResult {
  readonly accuracy: number;
  readonly count: number;
  readonly wrong: Samples;
}

const BATCH_SIZE = 50;
const PIXELS = 32 * 32;
/** Wrong digits that are kept: as many as a page shows. */
const MOST_WRONG = 24;

/** Runs a network on sets of digits. */
export class Tester {
  readonly #network: Network;
  readonly #program = new LazyProgram((device) => this.#compile(device));

  constructor(network: Network) {
    this.#network = network;
  }

  /** Tests on all of `digits`. */
  async test(device: Device, digits: ImageDataset): Promise<TestResult> {
    const program = await this.#program.on(device);
    const wrong: { image: Float32Array; label: number; predicted: number }[] = [];
    let mistakes = 0;
    for (const { image, label, count } of evaluationBatches(digits, BATCH_SIZE, LENET_SIZE)) {
      const { data } = await program.run({ image });
      bestClasses(data, count).forEach((predicted, i) => {
        if (predicted === label[i]) return;
        mistakes++;
        if (wrong.length === MOST_WRONG) return;
        wrong.push({ image: image.subarray(i * PIXELS, (i + 1) * PIXELS), label: label[i], predicted });
      });
    }
    const images = new Float32Array(wrong.length * PIXELS);
    wrong.forEach(({ image }, i) => images.set(image, i * PIXELS));
    return {
      accuracy: 1 - mistakes / digits.count,
      count: digits.count,
      wrong: {
        images,
        labels: Int32Array.from(wrong, ({ label }) => label),
        predicted: Int32Array.from(wrong, ({ predicted }) => predicted),
      },
    };
  }

  /** Frees the program's memory. */
  dispose(): Promise<void> {
    return this.#program.dispose();
  }

  #compile(device: Device) {
    const { model } = this.#network;
    return compile(device, ({ image }) => model.forward(image), { image: spec([BATCH_SIZE, 1, 32, 32]) });
  }
}

/** `count` digits of a larger set, evenly taken; all of a smaller one. */
export function sampleOf(set: ImageDataset, count: number): ImageDataset {
  if (set.count <= count) return set;
  const size = set.height * set.width;
  const images = new Uint8Array(count * size);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const from = Math.floor((i * set.count) / count);
    images.set(set.images.subarray(from * size, (from + 1) * size), i * size);
    labels[i] = set.labels[from];
  }
  return { ...set, count, images, labels };
}
