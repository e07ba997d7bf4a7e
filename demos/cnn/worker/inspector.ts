// Asks a network about one digit and keeps the values of all its layers.

import { compile, softmax, spec, type Device, type Progress } from '../../../src/index.ts';
import { LAYERS, type Answer, type LayerName, type NetworkName } from '../protocol.ts';
import { LazyProgram } from './lazy-program.ts';
import type { Network } from './network.ts';

/** Runs `network` with every layer's values as outputs. */
export class Inspector {
  readonly network: Network;
  readonly #program = new LazyProgram((device) => this.#compile(device));

  readonly #onProgress: Progress;

  constructor(network: Network, onProgress: Progress) {
    this.network = network;
    this.#onProgress = onProgress;
  }

  /** What the network makes of `digit` [32, 32]. */
  async answer(device: Device, digit: Float32Array, name: NetworkName): Promise<Answer> {
    const program = await this.#program.on(device);
    const values = await program.run({ image: digit });
    const data = (output: keyof typeof values) => values[output].data as Float32Array;
    return {
      network: name,
      config: this.network.config,
      layers: Object.fromEntries(LAYERS.map((layer) => [layer, data(layer)])) as Record<LayerName, Float32Array>,
      probabilities: data('probabilities'),
      filters: data('filters'),
      biases: data('biases'),
    };
  }

  /** Frees the program's memory. */
  dispose(): Promise<void> {
    return this.#program.dispose();
  }

  #compile(device: Device) {
    const { model } = this.network;
    return compile(
      device,
      ({ image }) => {
        const maps = model.maps(image);
        return { ...maps, probabilities: softmax(maps.logits, 1), filters: model.c1.weight, biases: model.c1.bias! };
      },
      { image: spec([1, 1, 32, 32]) },
      { onProgress: this.#onProgress },
    );
  }
}
