// What a model can do. Each part is optional, so that commands, pages and tests need not know any model by name.

import type {
  BatchSource, DataFiles, Device, Module, OnProgram, PhaseOptions, Recipe, RgbaImage, Settings, Tensor, TensorSpec, TypedArray, Watch,
  WeightAverage,
} from '../src/index.ts'; // prettier-ignore

/** The five model families. */
export type Family = 'cnn' | 'rnn' | 'transformer' | 'bert' | 'gan';

/** The commands that a model can support. `inspect`, `diverge` and `bench` only need an `example`. */
export type Capability = 'train' | 'eval' | 'run' | 'generate' | 'export' | 'inspect' | 'diverge' | 'bench';

/** Text with which a model is built and that its weights files keep, such as its vocabulary. */
export type Details = Readonly<Record<string, string>>;

/** What is known about a model before its code is loaded. */
export interface ModelAbout {
  readonly name: string;
  /** Display name, with the paper. */
  readonly title: string;
  readonly family: Family;
  /** The default config: that of the shipped weights. */
  readonly config: string;
  readonly configs: readonly string[];
  /** Trainable parameters of `config`. */
  readonly parameters: number;
  /** Size of the shipped weights of `config`; null if none are shipped yet. */
  readonly weightsBytes: number | null;
  readonly capabilities: readonly Capability[];
  /** What `five-tigers eval` prints for the shipped weights, by metric; empty if none are shipped yet. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** A model: what is known about it, how it is built, and what it can do. */
export interface ModelEntry<M extends Module = Module> extends ModelAbout {
  /** A model with initial weights. `details` come from the weights that will be loaded, or from the training data. */
  build(config: string, details?: Details): M;
  /** Shipped weights by config, as safetensors files. */
  readonly weights: Readonly<Record<string, URL>>;
  /** The computations for `inspect`, `diverge`, `bench` and `export`. The same seed gives the same inputs. */
  example?(model: M, batch: number, seed: number): Example;
  readonly train?: Training<M>;
  readonly evaluate?: Evaluation<M>;
  readonly run?: Running<M>;
  readonly generate?: Generation<M>;
}

/** A function to compile, its input specs, and inputs for it. */
export interface GraphExample {
  readonly fn: (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;
  readonly specs: Readonly<Record<string, TensorSpec>>;
  readonly inputs: Readonly<Record<string, TypedArray>>;
}

/** A model with made-up inputs. */
export interface Example {
  /** A forward pass as in inference. */
  readonly forward: GraphExample;
  /** A step of each training phase. They are functions because optimizers allocate state. */
  readonly steps: Readonly<Record<string, () => GraphExample>>;
}

/** What long work takes besides its data. */
export interface Work {
  readonly device: Device;
  readonly onProgress?: (done: number, total: number) => void;
  /** Called with each program that the work compiles, and its inputs, for `--profile`. */
  readonly onProgram?: OnProgram;
  readonly signal?: AbortSignal;
}

/** What an evaluation takes besides its data. */
export interface EvaluationWork extends Work {
  /** Loads the weights of another model, such as a classifier that judges images. */
  loadWeights(model: Module, source: URL): Promise<unknown>;
  /** Part of the data is enough: this is an evaluation during training. */
  readonly quick?: boolean;
}

/** How the shipped weights were trained: the defaults of a run. `Training.settings` describes what a model adds. */
export type ModelRecipe = Recipe & Settings;

/** A recipe with the user's choices, and a seed. */
export type RunSettings = ModelRecipe & { readonly seed: number };

/** How a model is trained. */
export interface Training<M> {
  /** Describes --data, such as `folder with MNIST's four files`. */
  readonly data: string;
  readonly recipe: ModelRecipe;
  /** Names of the phases: `step` alone, except for models with several optimizers. */
  readonly phases: readonly string[];
  /** Descriptions of the settings that this recipe has beyond those of all recipes. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether the weights with the best held-out score are kept. False if that is the test score, which must not select them. */
  readonly keepBest: boolean;
  /**
   * `details` come from the weights that the run starts from, such as their vocabulary.
   * @throws an Error that names the file at fault, or says how much data is needed.
   */
  open(files: DataFiles, settings: RunSettings, details?: Details): Promise<TrainingData<M>>;
}

/** Validated training data. */
export interface TrainingData<M> {
  /** A summary of the data: `60,000 images`. */
  readonly summary: string;
  /** Details with which the model must be built for this data. */
  readonly details?: Details;
  /** Batches per epoch. */
  readonly batchesPerEpoch: number;
  /** Steps between held-out evaluations; an epoch by default. */
  readonly evaluateEvery?: number;
  /** The `Trainer` options of a run of `model`. */
  start(model: M): TrainingParts;
}

/** The parts of a run besides its model: options of `Trainer`. */
export interface TrainingParts {
  readonly data: BatchSource;
  /** By the names in `Training.phases`. Scalar outputs are shown during training. */
  readonly phases: Readonly<Record<string, PhaseOptions>>;
  /** A running average that is evaluated and saved in place of the weights, by the names of the model's `state()`. */
  readonly average?: WeightAverage;
  readonly watch?: readonly Watch[];
}

/** A number that an evaluation computes. */
export interface Metric {
  /** For people: `accuracy`. */
  readonly title: string;
  readonly better: 'lower' | 'higher';
  /** Whether it is shown in per cent. */
  readonly percent?: boolean;
}

/** How a model is evaluated on held-out data. */
export interface Evaluation<M> {
  /** Describes --data. */
  readonly data: string;
  /** By their names in JSON; the first one decides which weights are best. */
  readonly metrics: Readonly<Record<string, Metric>>;
  /** What is counted, such as `test images`. */
  readonly unit: string;
  /** What `baselines` measures, for people. */
  readonly baseline?: string;
  open(model: M, files: DataFiles): Promise<EvaluationData>;
}

/** Data to evaluate on, read and checked. */
export interface EvaluationData {
  readonly count: number;
  measure(work: EvaluationWork): Promise<Readonly<Record<string, number>>>;
  /** The metrics of simpler methods, by name. */
  baselines?(work: EvaluationWork): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
}

/** The input of a run: a text, the image that it may name, and values of the model's own options. */
export interface RunRequest {
  readonly text: string;
  image(): Promise<RgbaImage>;
  readonly options: Readonly<Record<string, unknown>>;
}

/** An answer with its probability. */
export interface Ranked {
  readonly label: string;
  readonly probability: number;
}

/** The result of a run, as tables for people and as fields for programs. */
export interface RunResult {
  readonly tables: readonly { readonly title?: string; readonly rows: readonly Ranked[] }[];
  /** What people should know about the result. */
  readonly notes?: readonly string[];
  /** Plain JSON. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** How a model processes one input. */
export interface Running<M> {
  /** In one word, for the usage line: `image`. */
  readonly input: string;
  /** A description: `PNG or JPEG of one digit`. */
  readonly description: string;
  readonly options?: Readonly<Record<string, OwnOption>>;
  run(model: M, request: RunRequest, work: Work): Promise<RunResult>;
}

/** A model-specific option. */
export interface OwnOption {
  readonly description: string;
  readonly type: 'number' | 'integer' | 'text' | 'flag';
  /** The default, for people. */
  readonly preset?: string;
}

/** The input of `generate`. */
export interface GenerationRequest {
  readonly count: number;
  readonly seed: number;
  readonly options: Readonly<Record<string, unknown>>;
}

/** How a model generates. */
export type Generation<M> = TextGeneration<M> | ImageGeneration<M>;

interface GenerationOptions {
  /** What is generated, and how many by default. */
  readonly unit: string;
  readonly count: number;
  readonly options?: Readonly<Record<string, OwnOption>>;
}

/** Generates text as a stream. */
export interface TextGeneration<M> extends GenerationOptions {
  readonly kind: 'text';
  generate(model: M, request: GenerationRequest, work: Work): AsyncIterable<string>;
}

/** Images, each `[height, width, channels]`, 0 to 255. */
export interface ImageGeneration<M> extends GenerationOptions {
  readonly kind: 'images';
  generate(model: M, request: GenerationRequest, work: Work): Promise<GeneratedImages>;
}

/** Images of one size, one after the other. */
export interface GeneratedImages {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** The capabilities that an entry's parts provide. */
export function capabilitiesOf(entry: ModelEntry): Capability[] {
  const { train, evaluate, run, generate, example } = entry;
  const parts: Record<Capability, unknown> = {
    train, eval: evaluate, run, generate, export: example, inspect: example, diverge: example, bench: example,
  }; // prettier-ignore
  return Object.entries(parts).flatMap(([name, part]) => (part ? [name as Capability] : []));
}
