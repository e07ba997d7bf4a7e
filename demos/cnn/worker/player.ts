// Plays a run: step after step or slowly, and shows the page no more than a reader can follow.

import { DeviceLostError, DivergedError } from '../../../src/index.ts';
import type { Reply, StepNote } from '../protocol.ts';
import { USUAL_RATES } from '../settings.ts';
import type { Devices } from './devices.ts';
import type { Run } from './run.ts';

/** Milliseconds between two messages with curves. */
const STEPS_EVERY = 80;
/** Milliseconds between two pictures of the batch and of the filters. */
const LOOK_EVERY = 300;
/** Milliseconds between two slow steps. */
const SLOW = 900;
/** Testing takes at most one part in so many of the time, and comes at most every so many milliseconds. */
const TEST_SHARE = 5;
const TEST_EVERY = 1500;
/** Digits that are tested on at a time. */
const HELD_OUT = 1000;
const HELD_OUT_SOFTWARE = 100;

/** What a player needs of the worker around it. */
export interface Stage {
  readonly devices: Devices;
  post(reply: Reply): void;
  /** Does `work` when nothing else of the run is being done. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** The network has changed: what it answered is old. */
  changed(): Promise<void>;
}

/** Plays one run. */
export class Player {
  readonly run: Run;
  readonly #stage: Stage;
  /** Counts the starts and stops: a loop goes on only while it is the newest. */
  #turn = 0;
  #playing = false;
  #slow: boolean;
  #notes: StepNote[] = [];
  #milliseconds = 0;
  #lastSteps = 0;
  #lastLook = 0;
  #nextTest = 0;

  constructor(run: Run, stage: Stage, slow: boolean) {
    this.run = run;
    this.#stage = stage;
    this.#slow = slow;
  }

  /** Tells the page how the run stands. */
  announce(): void {
    const { settings, stepsDone, data } = this.run;
    const names = { trainData: data.train.name, testData: data.test.name };
    this.#stage.post({ type: 'run', run: { settings, step: stepsDone, playing: this.#playing, ...names } });
  }

  setSlow(slow: boolean): void {
    this.#slow = slow;
  }

  /** Trains until `pause()`. */
  async play(): Promise<void> {
    if (this.#playing) return;
    const turn = ++this.#turn;
    this.#playing = true;
    this.announce();
    while (this.#turn === turn) {
      try {
        await this.#stage.exclusive(async () => {
          if (this.#turn === turn) await this.#step(this.#slow);
        });
      } catch (error) {
        this.pause();
        throw error;
      }
      // Also when not slow: the CPU's steps never wait for anything, and so no message would ever be heard.
      await new Promise((resolve) => setTimeout(resolve, this.#slow ? SLOW : 0));
    }
  }

  /** Stops after the step that is being done, and shows how the run stands then. */
  pause(): void {
    if (!this.#playing) return;
    this.stop();
    this.announce();
    void this.#stage.exclusive(() => this.#show());
  }

  /** Stops for good, without a word. */
  stop(): void {
    this.#turn++;
    this.#playing = false;
  }

  /** Trains one step. */
  async step(): Promise<void> {
    this.pause();
    await this.#stage.exclusive(() => this.#step(true));
    this.announce();
  }

  /** Tests on a part of the test set that takes no long time. */
  async #test(): Promise<void> {
    const start = performance.now();
    const device = await this.#stage.devices.get();
    const result = await this.run.test(device, device.info.software ? HELD_OUT_SOFTWARE : HELD_OUT);
    const now = performance.now();
    this.#nextTest = now + Math.max(TEST_EVERY, TEST_SHARE * (now - start));
    this.#stage.post({ type: 'heldOut', step: this.run.stepsDone, ...result });
  }

  async #step(show: boolean): Promise<void> {
    const start = performance.now();
    const { settings } = this.run;
    try {
      this.#notes.push(await this.run.step());
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      this.pause();
      this.#flush();
      const { message, restoredStep } = error;
      const suggested = Math.min(settings.learningRate / 10, USUAL_RATES[settings.optimizer]);
      this.#stage.post({ type: 'diverged', message, restoredStep, suggested });
      this.announce();
      return;
    }
    const now = performance.now();
    this.#milliseconds += now - start;
    if (show || now - this.#lastSteps > STEPS_EVERY) this.#flush();
    if (show || now - this.#lastLook > LOOK_EVERY) await this.#show();
    if (now > this.#nextTest) await this.#unlessLost(() => this.#test());
  }

  /** Sends the curves' new points. */
  #flush(): void {
    if (this.#notes.length === 0) return;
    const images = this.#notes.length * this.run.settings.batchSize;
    const imagesPerSecond = (1000 * images) / this.#milliseconds;
    this.#stage.post({ type: 'steps', steps: this.#notes, imagesPerSecond });
    this.#notes = [];
    this.#milliseconds = 0;
    this.#lastSteps = performance.now();
  }

  /** Shows the run as it is now. */
  async #show(): Promise<void> {
    this.#flush();
    const batch = this.run.lastBatch();
    if (batch) this.#stage.post({ type: 'batch', samples: batch });
    await this.#unlessLost(async () => {
      this.#stage.post({ type: 'filters', filters: await this.run.filters() });
      await this.#stage.changed();
    });
    this.#lastLook = performance.now();
  }

  /** Does `look`, which the page can do without: a lost device is the next step's to bring back. */
  async #unlessLost(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
    }
  }
}
