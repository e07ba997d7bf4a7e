// What a model can do, each part optional, so that commands, pages and tests know no model by its name.

import type {
  BatchSource, DataFiles, Device, Module, OnProgram, PhaseOptions, Recipe, RgbaImage, Settings, Tensor, TensorSpec, TypedArray, Watch,
  WeightAverage,
} from '../src/index.ts'; // prettier-ignore

/** The five families. */
export type Family = 'cnn' | 'rnn' | 'transformer' | 'bert' | 'gan';

/** The commands that can offer a model. `inspect`, `diverge` and `bench` need an `example` only. */
export type Capability = 'train' | 'eval' | 'run' | 'generate' | 'export' | 'inspect' | 'diverge' | 'bench';

/** Text that a model is built with and that is kept in its weights files, such as its vocabulary. */
export type Details = Readonly<Record<string, string>>;

/** What is known of a model before its code is loaded. */
export interface ModelAbout {
  readonly name: string;
  /** Name and paper, for people. */
  readonly title: string;
  readonly family: Family;
  /** The config that is meant where none is named: that of the shipped weights. */
  readonly config: string;
  readonly configs: readonly string[];
  /** Trained numbers of `config`. */
  readonly parameters: number;
  /** Size of the shipped weights of `config`; null where none are shipped yet. */
  readonly weightsBytes: number | null;
  readonly capabilities: readonly Capability[];
  /** What `five-tigers eval` prints for the shipped weights, by metric; empty where none are shipped yet. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** A model: what is known of it, how it is built, and what it can do. */
export interface ModelEntry<M extends Module = Module> extends ModelAbout {
  /** A model with fresh weights. `details` are those of the weights that will be loaded, or of the training data. */
  build(config: string, details?: Details): M;
  /** Shipped weights by config: safetensors files. */
  readonly weights: Readonly<Record<string, URL>>;
  /** What `inspect`, `diverge`, `bench` and `export` work on. The same seed gives the same inputs. */
  example?(model: M, batch: number, seed: number): Example;
  readonly train?: Training<M>;
  readonly evaluate?: Evaluation<M>;
  readonly run?: Running<M>;
  readonly generate?: Generation<M>;
}

/** A function to compile, what it takes, and inputs for it. */
export interface GraphExample {
  readonly fn: (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;
  readonly specs: Readonly<Record<string, TensorSpec>>;
  readonly inputs: Readonly<Record<string, TypedArray>>;
}

/** A model at work on made-up inputs. */
export interface Example {
  /** A forward pass as in use. */
  readonly forward: GraphExample;
  /** A step of each phase of training. Functions, because optimizers have state to make. */
  readonly steps: Readonly<Record<string, () => GraphExample>>;
}

/** What long work is given besides its data. */
export interface Work {
  readonly device: Device;
  readonly onProgress?: (done: number, total: number) => void;
  /** Is given each program that the work compiles, with inputs, for `--profile`. */
  readonly onProgram?: OnProgram;
  readonly signal?: AbortSignal;
}

/** What a measurement is given. */
export interface EvaluationWork extends Work {
  /** Loads weights of another model, such as a classifier that judges pictures. */
  loadWeights(model: Module, source: URL): Promise<unknown>;
  /** A part of the data will do: this is an evaluation in the middle of training. */
  readonly quick?: boolean;
}

/** How the shipped weights were trained: the defaults of a run. What a model adds is described in `Training.settings`. */
export type ModelRecipe = Recipe & Settings;

/** A recipe with the user's changes, and a seed. */
export type RunSettings = ModelRecipe & { readonly seed: number };

/** How a model is trained. */
export interface Training<M> {
  /** What --data takes, such as `folder with MNIST's four files`. */
  readonly data: string;
  readonly recipe: ModelRecipe;
  /** Names of what is trained in turn: `step` alone, but for models of several optimizers. */
  readonly phases: readonly string[];
  /** What each setting means that this recipe has beyond those of all recipes. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether the weights with the best held-out score are kept. Not where that score is the test's: it would be chosen by it. */
  readonly keepBest: boolean;
  /** `details` are those of the weights that the run starts from, such as their vocabulary. @throws an Error that names the file at fault, or says how much data there should be. */
  open(files: DataFiles, settings: RunSettings, details?: Details): Promise<TrainingData<M>>;
}

/** Data to train on, read and checked. */
export interface TrainingData<M> {
  /** What was read, in words: `60,000 images`. */
  readonly summary: string;
  /** What the model must be built with for this data. */
  readonly details?: Details;
  /** Batches in a pass over the data. */
  readonly batchesPerEpoch: number;
  /** Steps from one held-out evaluation to the next; an epoch unless given. */
  readonly evaluateEvery?: number;
  /** The parts of a run of `model`. */
  start(model: M): TrainingParts;
}

/** What a run is made of besides its model: options of `Trainer`. */
export interface TrainingParts {
  readonly data: BatchSource;
  /** Each of `Training.phases`. Outputs of one element are shown while training. */
  readonly phases: Readonly<Record<string, PhaseOptions>>;
  /** The running mean of weights that is measured and saved in their place, by the names of the model's `state()`. */
  readonly average?: WeightAverage;
  readonly watch?: readonly Watch[];
}

/** A number that an evaluation gives. */
export interface Metric {
  /** In words: `accuracy`. */
  readonly title: string;
  readonly better: 'lower' | 'higher';
  /** Shown in per cent. */
  readonly percent?: boolean;
}

/** How a model is measured on data that it was not trained on. */
export interface Evaluation<M> {
  /** What --data takes. */
  readonly data: string;
  /** By their names in JSON; the first decides which checkpoint is best. */
  readonly metrics: Readonly<Record<string, Metric>>;
  /** What is counted: `test images`. */
  readonly unit: string;
  /** What `baselines` measures, in words. */
  readonly rival?: string;
  open(model: M, files: DataFiles): Promise<EvaluationData>;
}

/** Data to measure on, read and checked. */
export interface EvaluationData {
  readonly count: number;
  measure(work: EvaluationWork): Promise<Readonly<Record<string, number>>>;
  /** Rivals that have learned nothing deep, each with its metrics, by name. */
  baselines?(work: EvaluationWork): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
}

/** What a model is asked: some text, the picture that it may name, and values of the model's own options. */
export interface RunRequest {
  readonly text: string;
  image(): Promise<RgbaImage>;
  readonly options: Readonly<Record<string, unknown>>;
}

/** A thing with its probability. */
export interface Ranked {
  readonly label: string;
  readonly probability: number;
}

/** An answer, for people as tables and for programs as fields. */
export interface RunResult {
  readonly tables: readonly { readonly title?: string; readonly rows: readonly Ranked[] }[];
  /** What people should know of the answer. */
  readonly notes?: readonly string[];
  /** Plain JSON. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** How a model answers one input. */
export interface Running<M> {
  /** In one word, for usage lines: `image`. */
  readonly input: string;
  /** What it is: `PNG or JPEG of one digit`. */
  readonly description: string;
  readonly options?: Readonly<Record<string, OwnOption>>;
  run(model: M, request: RunRequest, work: Work): Promise<RunResult>;
}

/** An option that only some models have. */
export interface OwnOption {
  readonly description: string;
  readonly type: 'number' | 'integer' | 'text' | 'flag';
  /** What it is unless given, in words; for people only. */
  readonly preset?: string;
}

/** What generation starts from. */
export interface GenerationRequest {
  readonly count: number;
  readonly seed: number;
  readonly options: Readonly<Record<string, unknown>>;
}

/** How a model makes something new. */
export type Generation<M> = TextGeneration<M> | ImageGeneration<M>;

interface GenerationOptions {
  /** What is counted, and how many by default. */
  readonly unit: string;
  readonly count: number;
  readonly options?: Readonly<Record<string, OwnOption>>;
}

/** Text, as it comes. */
export interface TextGeneration<M> extends GenerationOptions {
  readonly kind: 'text';
  generate(model: M, request: GenerationRequest, work: Work): AsyncIterable<string>;
}

/** Pictures, each `[height, width, channels]`, 0 to 255. */
export interface ImageGeneration<M> extends GenerationOptions {
  readonly kind: 'images';
  generate(model: M, request: GenerationRequest, work: Work): Promise<GeneratedImages>;
}

/** Pictures of one size, one after the other. */
export interface GeneratedImages {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** The capabilities that an entry's parts amount to. */
export function capabilitiesOf(entry: ModelEntry): Capability[] {
  const { train, evaluate, run, generate, example } = entry;
  const parts: Record<Capability, unknown> = {
    train, eval: evaluate, run, generate, export: example, inspect: example, diverge: example, bench: example,
  }; // prettier-ignore
  return Object.entries(parts).flatMap(([name, part]) => (part ? [name as Capability] : []));
}
