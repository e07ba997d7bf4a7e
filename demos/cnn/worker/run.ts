// A training run of the page: a network, its data and settings, and the trainer that carries it on.

import {
  imageBatches,
  makeOptimizer,
  Trainer,
  type Device,
  type ImageBatch,
  type ImageBatches,
  type Profile,
} from '../../../src/index.ts';
import { LENET_SIZE } from '../../../models/cnn/lenet5/model.ts';
import { lenet5Task } from '../../../models/cnn/lenet5/train.ts';
import type { RunSettings, Samples, StepNote } from '../protocol.ts';
import type { TrainingData } from './data.ts';
import type { Devices } from './devices.ts';
import { saveNetwork, type Network } from './network.ts';
import { bestClasses, countRight } from './scores.ts';
import { sampleOf, Tester, type TestResult } from './tester.ts';

/** What a run reports while it is made and carried on. */
export interface RunEvents {
  /** GPU pipelines become ready. */
  preparing(done: number, total: number): void;
  /** A lost device was replaced. */
  recovered(reason: string): void;
}

/** Settings that may change while a run goes on. */
export type Changes = Partial<Omit<RunSettings, 'config' | 'seed'>>;

interface Parts {
  readonly network: Network;
  readonly settings: RunSettings;
  readonly data: TrainingData;
  readonly trainer: Trainer;
}

const makeBatches = ({ train, augment }: TrainingData, { batchSize, seed }: RunSettings): ImageBatches =>
  imageBatches(train.digits, { batchSize, seed, size: LENET_SIZE, augment });

/** What the run's checkpoints say of it, under the command line's names. */
const notesOf = ({ config, batchSize, optimizer, seed }: RunSettings, data: TrainingData) => ({
  model: 'lenet5',
  config,
  batchSize,
  optimizer,
  seed,
  data: data.kind,
});

/** A run. Its methods that wait must not overlap. */
export class Run {
  readonly #parts: Parts;
  readonly #tester: Tester;
  #settings: RunSettings;
  #data: TrainingData;
  #last: ImageBatch | null = null;
  #predicted: Int32Array = new Int32Array(0);

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#settings = parts.settings;
    this.#data = parts.data;
    this.#tester = new Tester(parts.network);
  }

  /** Opens the device, compiles the training step and, given the bytes of a checkpoint, goes on from there. */
  static async create(
    network: Network,
    settings: RunSettings,
    data: TrainingData,
    devices: Devices,
    events: RunEvents,
    checkpoint?: Uint8Array,
  ): Promise<Run> {
    const { model } = network;
    const task = lenet5Task(model);
    let device: Device | null = null;
    const trainer = await Trainer.create({
      state: { model },
      optimizer: makeOptimizer(settings, model.parameters()),
      data: makeBatches(data, settings),
      task,
      openDevice: async () => (device = await (device ? devices.insteadOf(device) : devices.get())),
      seed: settings.seed,
      settings: notesOf(settings, data),
      onProgress: events.preparing,
      // Half of a frame: the rest is the page's.
      timeSliceMilliseconds: 8,
      onRecovered: events.recovered,
    });
    try {
      if (checkpoint) trainer.restore(checkpoint);
    } catch (error) {
      trainer.dispose();
      throw error;
    }
    return new Run({ network, settings, data, trainer });
  }

  get network(): Network {
    return this.#parts.network;
  }

  get settings(): RunSettings {
    return { ...this.#settings, learningRate: this.#parts.trainer.optimizer.learningRate.value };
  }

  get data(): TrainingData {
    return this.#data;
  }

  get stepsDone(): number {
    return this.#parts.trainer.stepsDone;
  }

  /** Trains one step. Throws DivergedError as Trainer does. */
  async step(): Promise<StepNote> {
    const { step, loss, outputs, batch } = await this.#parts.trainer.step();
    this.#last = batch as ImageBatch;
    const { label } = this.#last;
    this.#predicted = bestClasses(outputs.logits.data, label.length);
    return { step, loss, accuracy: countRight(this.#predicted, label) / label.length };
  }

  /** The batch of the last step, with what the network said of it. */
  lastBatch(): Samples | null {
    const last = this.#last;
    return last && { images: last.image.slice(), labels: last.label, predicted: this.#predicted };
  }

  /** C1's filters [6, 1, 5, 5]. */
  async filters(): Promise<Float32Array> {
    return (await this.network.model.c1.weight.read()).data as Float32Array;
  }

  /** Goes on with other settings. A learning rate alone costs nothing; anything else compiles the step again. */
  async change(changes: Changes): Promise<void> {
    const { trainer, network } = this.#parts;
    const before = this.settings;
    const settings = { ...before, ...changes };
    if (settings.batchSize !== before.batchSize) await this.setData(this.#data, settings);
    if (settings.optimizer !== before.optimizer)
      await trainer.setOptimizer(makeOptimizer(settings, network.model.parameters()));
    trainer.optimizer.learningRate.value = settings.learningRate;
    this.#settings = settings;
    this.#note();
  }

  /** Goes on with other digits. @throws an Error where they are fewer than a batch. */
  async setData(data: TrainingData, settings = this.#settings): Promise<void> {
    await this.#parts.trainer.setData(makeBatches(data, settings));
    this.#data = data;
    this.#last = null;
    this.#note();
  }

  /** Tests on at most `most` digits of the test set. */
  async test(device: Device, most: number): Promise<TestResult> {
    return this.#tester.test(device, sampleOf(this.#data.test.digits, most));
  }

  /** Where the time of a step goes. The run goes on as if that had not been asked. */
  profile(): Promise<Profile> {
    return this.#parts.trainer.profile();
  }

  /** The bytes of a checkpoint. If the device is lost, the newest weights with it, this brings them back. */
  checkpoint(): Promise<Uint8Array> {
    return this.#parts.trainer.checkpoint();
  }

  /** The bytes of the weights alone. */
  async weights(): Promise<Blob> {
    return saveNetwork(this.network, this.stepsDone);
  }

  /** Frees the programs' memory. */
  async dispose(): Promise<void> {
    this.#parts.trainer.dispose();
    await this.#tester.dispose();
  }

  #note(): void {
    this.#parts.trainer.settings = notesOf(this.#settings, this.#data);
  }
}
