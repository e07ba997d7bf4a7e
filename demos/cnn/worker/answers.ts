// Answers the digit on the Draw tab with the network that was asked, always the newest digit and no older one.

import { toDigit } from '../../../models/cnn/lenet5/to-digit.ts';
import type { Progress } from '../../../src/index.ts';
import type { NetworkName, NetworkNote, Reply } from '../protocol.ts';
import type { Devices } from './devices.ts';
import { Inspector } from './inspector.ts';
import type { Network } from './network.ts';

/** Holds the digit, both networks, and which of them is asked. */
export class Answers {
  readonly #devices: Devices;
  readonly #post: (reply: Reply) => void;
  readonly #inspectors: Record<NetworkName, Inspector | null> = { shipped: null, yours: null };
  #asked: NetworkName = 'shipped';
  #digit: Float32Array | null = null;
  #running = false;
  #again = false;

  constructor(devices: Devices, post: (reply: Reply) => void) {
    this.#devices = devices;
    this.#post = post;
  }

  /** The network that answers. */
  get asked(): NetworkName {
    return this.#asked;
  }

  /** Whether there is a network of that name. */
  has(name: NetworkName): boolean {
    return this.#inspectors[name] !== null;
  }

  /** Takes a picture of a digit, of any size. */
  setPicture(rgba: Uint8ClampedArray, width: number, height: number): void {
    this.#digit = toDigit(rgba, width, height);
  }

  /** Lets another network answer from now on. */
  ask(name: NetworkName): void {
    this.#asked = name;
    this.#post({ type: 'asked', network: name });
  }

  /** Puts a network in the place of another one. */
  async set(name: NetworkName, network: Network, onProgress: Progress): Promise<void> {
    await this.#inspectors[name]?.dispose();
    this.#inspectors[name] = new Inspector(network, onProgress);
    this.announce();
  }

  /** Shows the page which networks there are. */
  announce(): void {
    const note = (inspector: Inspector | null): NetworkNote | null =>
      inspector && { config: inspector.network.config, file: inspector.network.file };
    const { shipped, yours } = this.#inspectors;
    this.#post({ type: 'networks', shipped: note(shipped), yours: note(yours) });
  }

  /** Answers the digit as it is now. Throws DeviceLostError when the network's newest weights are lost. */
  async refresh(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#answer();
      }
    } finally {
      this.#running = false;
    }
  }

  async #answer(): Promise<void> {
    const [digit, name] = [this.#digit, this.#asked];
    const inspector = this.#inspectors[name];
    const answer = digit && inspector && (await this.#devices.use((device) => inspector.answer(device, digit, name)));
    this.#post({ type: 'answer', digit, answer });
  }
}
