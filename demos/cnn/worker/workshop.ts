// Does what the page asks for: answers digits, and makes, plays, saves and loads training runs.

import { DeviceLostError, measureCeilings, type Progress } from '../../../src/index.ts';
import type { Of, Reply, Request, RunSettings } from '../protocol.ts';
import { completeSettings } from '../settings.ts';
import { Answers } from './answers.ts';
import { generatedData, type TrainingData } from './data.ts';
import { Devices } from './devices.ts';
import { MnistFiles } from './mnist-files.ts';
import { freshNetwork, loadNetwork, shippedNetwork, type Network } from './network.ts';
import { Player } from './player.ts';
import { Run, type RunEvents } from './run.ts';

/** How a failed request is called. */
const TITLES: Partial<Record<Request['type'], string>> = {
  mnist: 'These files cannot be used',
  load: 'This file cannot be loaded',
  change: 'These settings cannot be used',
};

/** All state of the worker. */
export class Workshop {
  readonly #post: (reply: Reply) => void;
  readonly #mnist = new MnistFiles();
  #devices!: Devices;
  #answers!: Answers;
  #settings!: RunSettings;
  #data: TrainingData | null = null;
  #player: Player | null = null;
  #slow = false;
  /** The end of the work that must not overlap. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(post: (reply: Reply) => void) {
    this.#post = post;
  }

  /** Does what `request` asks for. Whatever goes wrong is shown on the page. */
  async handle(request: Request): Promise<void> {
    try {
      await this.#do(request);
    } catch (error) {
      const title = TITLES[request.type] ?? 'Something went wrong';
      this.#post({ type: 'problem', title, message: (error as Error).message });
    }
  }

  async #do(request: Request): Promise<void> {
    switch (request.type) {
      case 'start':
        return this.#start(request);
      case 'picture':
        this.#answers.setPicture(request.rgba, request.width, request.height);
        return this.#answer();
      case 'ask':
        if (request.network === 'yours') await this.#ready();
        this.#answers.ask(request.network);
        return this.#answer();
      case 'prepare':
        await this.#ready();
        return;
      case 'play':
      case 'step':
        return this.#train(request.type);
      case 'pause':
        return this.#player?.pause();
      case 'pace':
        this.#slow = request.slow;
        return this.#player?.setSlow(request.slow);
      case 'change':
        return this.#change(request.settings);
      case 'restart':
        return this.#restart(request.settings);
      case 'mnist':
        return this.#useData(async (current) => this.#mnist.add(request.files, current));
      case 'generated':
        return this.#useData(async () => generatedData());
      case 'load':
        return this.#load(request.file);
      case 'save':
        return this.#save(request.what);
      case 'measure':
        return this.#measure();
      case 'profile':
        return this.#profile();
      case 'loseDevice':
        return (await this.#devices.get()).destroy();
    }
  }

  async #start({ device, settings }: Of<Request, 'start'>): Promise<void> {
    this.#devices = new Devices(
      device,
      (note) => this.#post({ type: 'device', device: note }),
      (reason) => this.#log(`The GPU device was lost (${reason}).`),
    );
    this.#answers = new Answers(this.#devices, this.#post);
    // First in the row, so that whatever else is asked for finds settings.
    void this.#exclusive(async () => {
      const { info } = await this.#devices.get();
      this.#settings = completeSettings(settings, info.software);
    });
    const shipped = await shippedNetwork();
    if (!shipped) return this.#answers.announce();
    await this.#answers.set('shipped', shipped, this.#progress('answering'));
    await this.#answer();
  }

  /** Answers the digit, on another device if this one is lost. */
  async #answer(): Promise<void> {
    try {
      await this.#answers.refresh();
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      // The newest weights were on the lost device: the trainer knows how to get them back.
      if (this.#answers.asked === 'yours') await this.#exclusive(async () => this.#player?.run.checkpoint());
      await this.#answers.refresh();
    }
  }

  /** The player of the run, which is made if there is none. */
  async #ready(): Promise<Player> {
    return this.#exclusive(async () => {
      this.#player ??= await this.#open(freshNetwork(this.#settings.config, this.#settings.seed), this.#settings);
      return this.#player;
    });
  }

  async #train(how: 'play' | 'step'): Promise<void> {
    const player = await this.#ready();
    if (!this.#answers.has('shipped') && this.#answers.asked === 'shipped') this.#answers.ask('yours');
    return player[how]();
  }

  async #change(settings: Of<Request, 'change'>['settings']): Promise<void> {
    await this.#exclusive(async () => {
      try {
        await this.#player?.run.change(settings);
        this.#settings = this.#player?.run.settings ?? { ...this.#settings, ...settings };
      } finally {
        // Also what was refused: the fields show what holds.
        this.#player?.announce();
      }
    });
  }

  async #restart(settings: Partial<RunSettings>): Promise<void> {
    await this.#exclusive(async () => {
      this.#settings = { ...this.#settings, ...settings };
      const network = freshNetwork(this.#settings.config, this.#settings.seed);
      this.#player = await this.#open(network, this.#settings);
    });
    await this.#answer();
  }

  async #useData(find: (current: TrainingData) => Promise<TrainingData>): Promise<void> {
    await this.#exclusive(async () => {
      const data = await find(this.#data ?? generatedData());
      await this.#player?.run.setData(data);
      this.#data = data;
      this.#player?.announce();
      this.#log(`Training on ${data.train.name}, testing on ${data.test.name}.`);
    });
    await this.#ready();
  }

  async #load(file: File): Promise<void> {
    await this.#exclusive(async () => {
      const { network, resumed } = await loadNetwork(file);
      const settings = { ...this.#settings, config: network.config, ...resumed?.settings };
      this.#player = await this.#open(network, settings, resumed?.bytes);
      this.#settings = settings;
      const what = resumed ? `step ${this.#player.run.stepsDone} of a run` : 'weights';
      this.#log(`Loaded ${what} (${network.config}) from ${file.name}.`);
      if (resumed?.data === 'mnist' && this.#data?.kind !== 'mnist') {
        this.#log('That run was trained on MNIST: drop the MNIST files to go on with the same digits.');
      }
    });
    this.#answers.ask('yours');
    await this.#answer();
  }

  async #save(what: 'weights' | 'checkpoint'): Promise<void> {
    const { run } = await this.#ready();
    const content = await this.#exclusive(async () => {
      const checkpoint = await run.checkpoint();
      return what === 'weights' ? run.weights() : new Blob([checkpoint as Uint8Array<ArrayBuffer>]);
    });
    const kind = what === 'weights' ? '' : '.checkpoint';
    const name = `lenet5-${run.network.config}-step${run.stepsDone}${kind}.safetensors`;
    this.#post({ type: 'download', name, content });
  }

  async #measure(): Promise<void> {
    const { run } = await this.#ready();
    const { accuracy, count } = await this.#exclusive(async () => {
      await run.checkpoint();
      return run.test(await this.#devices.get(), Infinity);
    });
    this.#post({ type: 'measured', accuracy, count, data: run.data.test.name });
  }

  async #profile(): Promise<void> {
    const { run } = await this.#ready();
    await this.#exclusive(async () => {
      const profile = await run.profile();
      this.#post({ type: 'profile', profile, ceilings: await measureCeilings(await this.#devices.get()) });
    });
  }

  /** A run with its player in the place of another one, which is only given up when the new one stands. */
  async #open(network: Network, settings: RunSettings, checkpoint?: Uint8Array): Promise<Player> {
    const events: RunEvents = {
      preparing: this.#progress('training'),
      recovered: (reason) => this.#log(`Another device goes on where the lost one was (${reason}). No step is lost.`),
    };
    this.#data ??= generatedData();
    const before = this.#player;
    const data = this.#data;
    const run = await this.#devices.use(() => Run.create(network, settings, data, this.#devices, events, checkpoint));
    before?.stop();
    await before?.run.dispose();
    const player = new Player(
      run,
      {
        devices: this.#devices,
        post: this.#post,
        exclusive: (work) => this.#exclusive(work),
        changed: async () => {
          if (this.#answers.asked === 'yours') await this.#answers.refresh();
        },
      },
      this.#slow,
    );
    await this.#answers.set('yours', network, this.#progress('answering'));
    this.#post({ type: 'newRun' });
    const size = network.model.parameters().reduce((sum, parameter) => sum + parameter.size, 0);
    this.#log(
      `${network.config} LeNet-5 with ${size.toLocaleString('en')} parameters, ready at step ${run.stepsDone}.`,
    );
    this.#post({ type: 'filters', filters: await run.filters() });
    player.announce();
    return player;
  }

  /** Does `work` after all such work before it. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {});
    return result;
  }

  #progress(what: Of<Reply, 'preparing'>['what']): Progress {
    return (done, total) => this.#post({ type: 'preparing', what, done, total });
  }

  #log(text: string): void {
    this.#post({ type: 'log', text });
  }
}
