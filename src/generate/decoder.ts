// Decoding against a memory: the prompt in a few passes, then one program for every token.

import type { Device, Plan } from '../backends/device.ts';
import { Buffer } from '../core/parameter.ts';
import { spec, type Tensor, type TensorSpec } from '../core/tensor.ts';
import { assign, RandomState } from '../core/trace.ts';
import { add } from '../ops/elementwise/binary.ts';
import { reshape } from '../ops/movement/reshape.ts';
import { compile, type CompileOptions } from '../runtime/compile.ts';
import type { OnProgram } from '../runtime/profile.ts';
import type { Program } from '../runtime/program.ts';
import type { CausalModel } from './causal-model.ts';
import { checkSampling, Sampler, type SamplingSettings } from './sampler.ts';

/** How a Decoder is made. */
export interface DecoderOptions extends Pick<CompileOptions, 'onProgress' | 'timeSliceMilliseconds'> {
  /** Texts that are decoded side by side; 1 by default. */
  readonly batch?: number;
  /**
   * The most tokens of a text that the model sees at once, and that its memory has room for; the model's own limit by
   * default.
   */
  readonly maxLength?: number;
}

/** How one decoding goes. */
export interface DecodingSettings extends SamplingSettings {
  /** Tokens to generate; without end by default. */
  readonly maxTokens?: number;
  /** The same seed, prompt and settings give the same tokens on the same device; 0 by default. */
  readonly seed?: number;
  /** Ends the decoding with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Lengths of the passes that read a prompt: any length is a sum of few of them, and few programs serve all. */
const CHUNKS = [64, 8, 1];

/** Steps that are begun before the token of an earlier one has come back, so that a GPU does not wait for the host. */
const AHEAD = 2;

type Chunk = Program<{ ids: TensorSpec }, Record<never, Tensor>>;
type Step = Program<Record<never, TensorSpec>, Tensor>;

/** A way to draw, with its program. */
interface Drawing {
  readonly sampler: Sampler;
  readonly random: RandomState;
  readonly program: Step;
}

/**
 * Decodes texts with a model on a device. Its programs and its memory stay for the next prompt; `dispose()` frees them.
 *
 * A model with `maxPositions` sees so many tokens at most: when they are full, the last half of them is read anew as if the
 * text began there, and what came before is forgotten. A longer prompt is cut in the same way.
 */
export class Decoder {
  readonly device: Device;
  readonly batch: number;
  readonly maxLength: number;
  readonly #model: CausalModel;
  readonly #options: DecoderOptions;
  readonly #memory: unknown;
  /** Place of the next token that is read; state of the device, as runs overlap: i32 of one number. */
  readonly #position = Buffer.zeros(spec([], 'i32'), { name: 'generate.position', persistent: false });
  /** The tokens that the next step reads: i32 [B, 1]. */
  readonly #tokens: Buffer;
  readonly #chunks = new Map<number, Promise<Chunk>>();
  readonly #drawings = new Map<string, Promise<Drawing>>();
  readonly #programs = new Set<Chunk | Step>();
  #vocabularySize = Infinity;
  #busy = false;
  #disposed = false;

  constructor(device: Device, model: CausalModel, options: DecoderOptions = {}) {
    const { batch = 1, maxLength = model.maxPositions ?? Infinity } = options;
    if (!(Number.isInteger(batch) && batch >= 1)) throw new Error(`Decoder: batch must be an integer of at least 1, but is ${batch}.`); // prettier-ignore
    if (!(maxLength >= 2 && maxLength <= (model.maxPositions ?? Infinity))) {
      throw new Error(
        `Decoder: maxLength must be from 2 to ${model.maxPositions ?? 'any number'}, but is ${maxLength}.`,
      );
    }
    this.device = device;
    this.batch = batch;
    this.maxLength = maxLength;
    this.#model = model;
    this.#options = options;
    this.#memory = model.memory(batch, maxLength);
    this.#tokens = Buffer.zeros(spec([batch, 1], 'i32'), { name: 'generate.tokens', persistent: false });
  }

  /**
   * Decodes on from `prompts`, one text of ids for each row, all of one length: gives the next token of each row, again and
   * again. Settings are checked at once. What came before an error, such as a lost device, has been given. One decoding at a
   * time.
   */
  decode(prompts: readonly Int32Array[], settings: DecodingSettings = {}): AsyncGenerator<Int32Array, void, void> {
    if (this.#disposed) throw new Error('generate: this decoder was disposed; make another one.');
    checkSampling(settings);
    const { maxTokens = Infinity } = settings;
    if (!(maxTokens >= 0)) throw new Error(`generate: maxTokens must be at least 0, but is ${maxTokens}.`);
    const [length] = prompts.map((prompt) => prompt.length);
    if (prompts.length !== this.batch || prompts.some((prompt) => prompt.length !== length)) {
      const lengths = prompts.map((prompt) => prompt.length).join(', ');
      throw new Error(
        `generate: this decoder takes ${this.batch} prompts of one length, but got prompts of ${lengths || 'none'}.`,
      );
    }
    if (length === 0) throw new Error('generate: the prompt is empty; give one token at least to go on from.');
    return this.#decode(prompts, settings);
  }

  async *#decode(prompts: readonly Int32Array[], settings: DecodingSettings): AsyncGenerator<Int32Array, void, void> {
    if (this.#busy)
      throw new Error('generate: this decoder is decoding another text; wait for its end, or make another decoder.');
    this.#busy = true;
    const { maxTokens = Infinity, seed = 0, signal } = settings;
    const texts = prompts.map((prompt) => [...prompt]);
    const running: Promise<{ readonly data: ArrayLike<number> }>[] = [];
    // The CPU computes a run before it gives the promise.
    const ahead = this.device.capabilities ? AHEAD : 0;
    try {
      signal?.throwIfAborted();
      const drawing = await this.#drawingFor(Sampler.kindOf(settings));
      const wrong = texts.flat().find((token) => !(token >= 0 && token < this.#vocabularySize));
      if (wrong !== undefined)
        throw new Error(`generate: there is no token ${wrong}; the model has ${this.#vocabularySize}.`);
      drawing.random.seed.write({ shape: [], dtype: 'u32', data: Uint32Array.of(seed) });
      drawing.random.run.write({ shape: [], dtype: 'u32', data: Uint32Array.of(0) });
      drawing.sampler.set(settings, texts);
      let place = await this.#read(texts, signal);
      for (let [begun, given] = [0, 0]; given < maxTokens; given++) {
        if (place === this.maxLength && running.length === 0)
          place = await this.#read(texts, signal, this.maxLength >> 1);
        while (running.length <= ahead && begun < maxTokens && place < this.maxLength) {
          place++;
          begun++;
          const run = drawing.program.run({});
          // When the decoding ends early, nobody awaits it.
          run.catch(() => {});
          running.push(run);
        }
        const { data } = await running.shift()!;
        signal?.throwIfAborted();
        const tokens = Int32Array.from(data);
        for (const [row, text] of texts.entries()) text.push(tokens[row]);
        yield tokens;
      }
    } finally {
      await Promise.allSettled(running);
      this.#busy = false;
    }
  }

  /** Reads the last `most` tokens of the texts, all but the newest, which the next step reads. Gives its place. */
  async #read(texts: readonly number[][], signal?: AbortSignal, most?: number): Promise<number> {
    const all = texts[0].length;
    const length = Math.min(all, most ?? (all > this.maxLength ? this.maxLength >> 1 : all));
    const rows = texts.map((text) => text.slice(text.length - length));
    this.#begin();
    let place = 0;
    for (const chunk of CHUNKS) {
      for (; place + chunk < length; place += chunk) {
        const program = await this.#chunkOf(chunk);
        signal?.throwIfAborted();
        await program.enqueue({ ids: Int32Array.from(rows.flatMap((row) => row.slice(place, place + chunk))) });
      }
    }
    const { shape, dtype } = this.#tokens;
    this.#tokens.write({ shape, dtype, data: Int32Array.from(rows, (row) => row[length - 1]) });
    return place;
  }

  /** The program that reads so many tokens of each text. It computes no scores: only the memory changes. */
  #chunkOf(length: number): Promise<Chunk> {
    const made = this.#chunks.get(length);
    if (made) return made;
    const chunk = compile(
      this.device,
      ({ ids }) => {
        this.#model.forward(ids, { memory: this.#memory, position: this.#position });
        assign(this.#position, add(this.#position, length));
        return {};
      },
      { ids: spec([this.batch, length], 'i32') },
      this.#options,
    ).then((program) => this.#kept(program));
    this.#chunks.set(length, chunk);
    // The next decoding tries again.
    chunk.catch(() => this.#chunks.delete(length));
    return chunk;
  }

  /** The program that reads the newest tokens, draws the next ones and leaves them for the next step. */
  #drawingFor(kind: string): Promise<Drawing> {
    const made = this.#drawings.get(kind);
    if (made) return made;
    const [sampler, random] = [new Sampler(kind), new RandomState(0)];
    const step = () => {
      const logits = this.#model.forward(this.#tokens, { memory: this.#memory, position: this.#position }); // [B, 1, V]
      this.#vocabularySize = logits.shape[2];
      const tokens = sampler.choose(reshape(logits, [this.batch, logits.shape[2]])); // [B]
      assign(this.#tokens, reshape(tokens, [this.batch, 1]));
      assign(this.#position, add(this.#position, 1));
      return tokens;
    };
    const program = compile(this.device, step, {}, { ...this.#options, random });
    const drawing = program.then((compiled) => ({ sampler, random, program: this.#kept(compiled) }));
    this.#drawings.set(kind, drawing);
    drawing.catch(() => this.#drawings.delete(kind));
    return drawing;
  }

  /** Notes a program that was compiled; one that comes after the end of this decoder goes at once. */
  #kept<P extends Chunk | Step>(program: P): P {
    if (!this.#disposed) this.#programs.add(program);
    else disposeWithState(program);
    return program;
  }

  /** The next token that is read is a text's first. */
  #begin(): void {
    this.#position.write({ shape: [], dtype: 'i32', data: Int32Array.of(0) });
  }

  /** Gives each program that has been made, with inputs, to `onProgram`. Not while a text is decoded: its memory changes. */
  async profile(onProgram: OnProgram): Promise<void> {
    type Timed = Parameters<OnProgram>[0];
    const give = (program: Timed, inputs: Record<string, Int32Array>, name: string) => {
      const time: Timed['time'] = (...timed) => {
        // Each time from the beginning: many runs would leave the positions behind.
        this.#begin();
        return program.time(...timed);
      };
      return onProgram({ plan: program.plan, time }, inputs, name);
    };
    for (const [length, chunk] of this.#chunks) {
      await give(await chunk, { ids: new Int32Array(this.batch * length) }, `read ${length} tokens`);
    }
    for (const drawing of this.#drawings.values()) await give((await drawing).program, {}, 'next token');
  }

  /** Frees the programs and the memory. The model stays usable. */
  dispose(): void {
    this.#disposed = true;
    for (const program of this.#programs) disposeWithState(program);
    this.#programs.clear();
    this.#chunks.clear();
    this.#drawings.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Frees a program and the state that it advances and no file keeps, such as caches: nobody else reads that. */
export function disposeWithState(program: { readonly plan: Plan; dispose(): void }): void {
  for (const { parameter } of program.plan.updates) {
    if (parameter instanceof Buffer && !parameter.persistent) parameter.discard();
  }
  program.dispose();
}
