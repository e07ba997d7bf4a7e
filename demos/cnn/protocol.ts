// What the page and its worker say to each other.

import type { Ceilings, OptimizerName, Profile } from '../../src/index.ts';

/** Which LeNet-5, as `lenet5Configs` names them. */
export type Config = 'classic' | 'modern';

/** Everything that decides the losses of a run, next to its data. */
export interface RunSettings {
  readonly config: Config;
  readonly learningRate: number;
  readonly batchSize: number;
  readonly optimizer: OptimizerName;
  readonly seed: number;
}

/** The network that answers on the Draw tab: the one that comes with the page, or the one of the Train tab. */
export type NetworkName = 'shipped' | 'yours';

/** A device, for people. */
export interface DeviceNote {
  readonly kind: 'webgpu' | 'cpu';
  readonly description: string;
  readonly software: boolean;
  /** Features and limits, one a line. */
  readonly details: string;
  /** Why the GPU is not used; null when it is. */
  readonly reason: string | null;
}

/** A network that can answer. */
export interface NetworkNote {
  readonly config: Config;
  /** The file that it came from; null for one that started here. */
  readonly file: string | null;
}

/** Layers whose values are shown, in order. */
export const LAYERS = ['c1', 's2', 'c3', 's4', 'c5', 'f6', 'logits'] as const;
export type LayerName = (typeof LAYERS)[number];

/** What a network made of one digit. */
export interface Answer {
  readonly network: NetworkName;
  readonly config: Config;
  /** Every value of every layer, row-major. */
  readonly layers: Readonly<Record<LayerName, Float32Array>>;
  readonly probabilities: Float32Array; // [10]
  /** C1's filters [6, 1, 5, 5] and biases [6], with which its values can be checked by hand. */
  readonly filters: Float32Array;
  readonly biases: Float32Array;
}

/** One step of training, for the curves. */
export interface StepNote {
  readonly step: number;
  readonly loss: number;
  /** Accuracy on the batch. */
  readonly accuracy: number;
}

/** Digits with what the network says they are. */
export interface Samples {
  readonly images: Float32Array; // [count, 32, 32]
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
}

/** A run as it stands. */
export interface RunNote {
  readonly settings: RunSettings;
  readonly step: number;
  readonly playing: boolean;
  /** What it trains on and what it is tested on, in words. */
  readonly trainData: string;
  readonly testData: string;
}

export type Request =
  | { readonly type: 'start'; readonly device: 'auto' | 'cpu'; readonly settings: Partial<RunSettings> }
  /** A picture to answer. `rgba` is moved, not copied. */
  | { readonly type: 'picture'; readonly rgba: Uint8ClampedArray; readonly width: number; readonly height: number }
  | { readonly type: 'ask'; readonly network: NetworkName }
  /** Makes the run ready without training it yet. */
  | { readonly type: 'prepare' }
  | { readonly type: 'play' | 'pause' | 'step' }
  | { readonly type: 'pace'; readonly slow: boolean }
  | { readonly type: 'change'; readonly settings: Partial<Omit<RunSettings, 'config' | 'seed'>> }
  | { readonly type: 'restart'; readonly settings: Partial<RunSettings> }
  | { readonly type: 'mnist'; readonly files: readonly File[] }
  | { readonly type: 'generated' }
  | { readonly type: 'load'; readonly file: File }
  | { readonly type: 'save'; readonly what: 'weights' | 'checkpoint' }
  | { readonly type: 'measure' }
  /** Where the time of a training step goes. */
  | { readonly type: 'profile' }
  | { readonly type: 'loseDevice' };

export type Reply =
  | { readonly type: 'device'; readonly device: DeviceNote }
  | { readonly type: 'networks'; readonly shipped: NetworkNote | null; readonly yours: NetworkNote | null }
  /** Which network answers from now on. */
  | { readonly type: 'asked'; readonly network: NetworkName }
  /** `digit` is what the networks get [32, 32]: null for an empty page. `answer` is null where no network is. */
  | { readonly type: 'answer'; readonly digit: Float32Array | null; readonly answer: Answer | null }
  /** GPU kernels become ready. */
  | {
      readonly type: 'preparing';
      readonly what: 'answering' | 'training';
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'run'; readonly run: RunNote }
  /** A new run: what was shown of another one is over. */
  | { readonly type: 'newRun' }
  /** Steps since the last such message, and how fast they were. */
  | { readonly type: 'steps'; readonly steps: readonly StepNote[]; readonly imagesPerSecond: number }
  | { readonly type: 'batch'; readonly samples: Samples }
  | { readonly type: 'filters'; readonly filters: Float32Array }
  | {
      readonly type: 'heldOut';
      readonly step: number;
      readonly accuracy: number;
      readonly count: number;
      readonly wrong: Samples;
    }
  | { readonly type: 'measured'; readonly accuracy: number; readonly count: number; readonly data: string }
  | { readonly type: 'diverged'; readonly message: string; readonly restoredStep: number; readonly suggested: number }
  | { readonly type: 'profile'; readonly profile: Profile; readonly ceilings: Ceilings }
  | { readonly type: 'download'; readonly name: string; readonly content: Blob }
  | { readonly type: 'log'; readonly text: string }
  | { readonly type: 'problem'; readonly title: string; readonly message: string };

/** A message of one type. */
export type Of<M extends { type: string }, T extends M['type']> = Extract<M, { type: T }>;
