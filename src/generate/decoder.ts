// Cached decoding: the prompt is prefilled in a few passes, then one program runs per token.

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

/** Options of a Decoder. */
export interface DecoderOptions extends Pick<CompileOptions, 'onProgress' | 'timeSliceMilliseconds'> {
  /** Number of texts to decode in parallel (default 1). */
  readonly batch?: number;
  /**
   * Maximum context length in tokens, for which memory is allocated; by default the model's own limit.
   */
  readonly maxLength?: number;
}

/** Settings of one decoding. */
export interface DecodingSettings extends SamplingSettings {
  /** Tokens to generate; unlimited by default. */
  readonly maxTokens?: number;
  /** The same seed, prompt and settings give the same tokens on the same device (default 0). */
  readonly seed?: number;
  /** Cancels the decoding, which throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Prefill chunk lengths: a few programs serve prompts of any length in few passes. */
const CHUNKS = [64, 8, 1];

/** Steps submitted before an earlier token has been read back, so that the GPU does not wait for the host. */
const AHEAD = 2;

type Chunk = Program<{ ids: TensorSpec }, Record<never, Tensor>>;
type Step = Program<Record<never, TensorSpec>, Tensor>;

/** A sampler with its program. */
interface Drawing {
  readonly sampler: Sampler;
  readonly random: RandomState;
  readonly program: Step;
}

/**
 * Decodes texts with a model on a device. Programs and memory are reused for the next prompt; `dispose()` frees them.
 *
 * When the context is full, its last half is prefilled again as if the text began there, and earlier tokens are forgotten.
 * Longer prompts are truncated in the same way.
 */
export class Decoder {
  readonly device: Device;
  readonly batch: number;
  readonly maxLength: number;
  readonly #model: CausalModel;
  readonly #options: DecoderOptions;
  readonly #memory: unknown;
  /** Position of the next token to read, an i32 scalar. Kept on the device, because runs overlap. */
  readonly #position = Buffer.zeros(spec([], 'i32'), { name: 'generate.position', persistent: false });
  /** Input tokens of the next step: i32 [B, 1]. */
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
   * Continues `prompts`, one list of ids per row, all of one length. Yields the next token of each row at every step, including
   * those before an error such as a lost device. Only one decoding can run at a time.
   * @throws an Error at once for invalid settings or prompts.
   */
  decode(prompts: readonly Int32Array[], settings: DecodingSettings = {}): AsyncGenerator<Int32Array, void, void> {
    if (this.#disposed) throw new Error('generate: this decoder was disposed; create a new one.');
    checkSampling(settings);
    const { maxTokens = Infinity } = settings;
    if (!(maxTokens >= 0)) throw new Error(`generate: maxTokens must be at least 0, but is ${maxTokens}.`);
    const [length] = prompts.map((prompt) => prompt.length);
    if (prompts.length !== this.batch || prompts.some((prompt) => prompt.length !== length)) {
      const lengths = prompts.map((prompt) => prompt.length).join(', ');
      throw new Error(
        `generate: this decoder needs ${this.batch} prompts of equal length, but got ${lengths ? `lengths ${lengths}` : 'none'}.`,
      );
    }
    if (length === 0) throw new Error('generate: the prompt is empty; give at least one token.');
    return this.#decode(prompts, settings);
  }

  async *#decode(prompts: readonly Int32Array[], settings: DecodingSettings): AsyncGenerator<Int32Array, void, void> {
    if (this.#busy)
      throw new Error(
        'generate: this decoder is decoding another text; wait until it ends, or create another decoder.',
      );
    this.#busy = true;
    const { maxTokens = Infinity, seed = 0, signal } = settings;
    const texts = prompts.map((prompt) => [...prompt]);
    const running: Promise<{ readonly data: ArrayLike<number> }>[] = [];
    // The CPU finishes a run before it returns the promise.
    const ahead = this.device.capabilities ? AHEAD : 0;
    try {
      signal?.throwIfAborted();
      const drawing = await this.#drawingFor(Sampler.kindOf(settings));
      const wrong = texts.flat().find((token) => !(token >= 0 && token < this.#vocabularySize));
      if (wrong !== undefined)
        throw new Error(`generate: there is no token ${wrong}; the vocabulary has ${this.#vocabularySize}.`);
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
          // Nothing awaits it if the decoding ends early.
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

  /** Prefills the last `most` tokens of the texts except the newest, which the next step reads. Returns its position. */
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

  /** The program that prefills `length` tokens of each text. It only updates the memory and computes no logits. */
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
    // The next decoding compiles it again.
    chunk.catch(() => this.#chunks.delete(length));
    return chunk;
  }

  /** The program that reads the newest tokens, samples the next ones and stores them for the next step. */
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

  /** Registers a compiled program; disposes of it at once if this decoder was disposed meanwhile. */
  #kept<P extends Chunk | Step>(program: P): P {
    if (!this.#disposed) this.#programs.add(program);
    else disposeWithState(program);
    return program;
  }

  /** Resets the position: the next token is the first of a text. */
  #begin(): void {
    this.#position.write({ shape: [], dtype: 'i32', data: Int32Array.of(0) });
  }

  /** Passes each compiled program, with inputs, to `onProgram`. Not while decoding: it overwrites the memory. */
  async profile(onProgram: OnProgram): Promise<void> {
    type Timed = Parameters<OnProgram>[0];
    const give = (program: Timed, inputs: Record<string, Int32Array>, name: string) => {
      const time: Timed['time'] = (...timed) => {
        // Reset each time, because many runs would exceed the positions.
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

  /** Frees the programs and the memory, but not the model. */
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

/** Frees a program and the non-persistent state it updates, such as caches, which nothing else reads. */
export function disposeWithState(program: { readonly plan: Plan; dispose(): void }): void {
  for (const { parameter } of program.plan.updates) {
    if (parameter instanceof Buffer && !parameter.persistent) parameter.discard();
  }
  program.dispose();
}
