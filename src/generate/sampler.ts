// Samples tokens from logits, with settings that can change between runs of one program.

import { Buffer } from '../core/parameter.ts';
import { Scalar, spec, type Tensor } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { div, maximum, mul } from '../ops/elementwise/binary.ts';
import { cast } from '../ops/elementwise/cast.ts';
import { gt } from '../ops/elementwise/compare.ts';
import { where } from '../ops/elementwise/where.ts';
import { oneHot } from '../ops/indexing/embedding.ts';
import { sampleLogits } from '../ops/random/sampling.ts';

/** How tokens are sampled. */
export interface SamplingSettings {
  /**
   * Divides the logits (default 1). Below 1, likely tokens become more likely; 0, or anything below 1e-6, takes the most
   * likely token.
   */
  readonly temperature?: number;
  /** Samples from only this many of the most likely tokens; by default all. */
  readonly topK?: number;
  /** Samples from only the most likely tokens whose probabilities reach this sum (default 1). */
  readonly topP?: number;
  /** Minimum probability of a token, relative to the most likely one (default 0). */
  readonly minP?: number;
  /**
   * Divides positive logits and multiplies negative ones of tokens already in the text, as in CTRL (Keskar et al., 2019) and
   * transformers. Above 1 it discourages repetition (default 1, no effect).
   */
  readonly repetitionPenalty?: number;
}

/** @throws an Error with the valid range of an invalid setting. */
export function checkSampling({ temperature, topK, topP, minP, repetitionPenalty }: SamplingSettings): void {
  const check = (name: string, value: number | undefined, range: string, fits: (value: number) => boolean) => {
    if (value !== undefined && !fits(value)) throw new Error(`generate: ${name} must be ${range}, but is ${value}.`);
  };
  check('temperature', temperature, 'at least 0', (value) => value >= 0 && value < Infinity);
  check('topK', topK, 'an integer of at least 1', (value) => Number.isInteger(value) && value >= 1);
  check('topP', topP, 'above 0 and at most 1', (value) => value > 0 && value <= 1);
  check('minP', minP, 'from 0 to 1', (value) => value >= 0 && value <= 1);
  check('repetitionPenalty', repetitionPenalty, 'above 0', (value) => value > 0 && value < Infinity);
}

/** A sampling method. Settings of the same kind share it, whatever their values. */
export class Sampler {
  readonly #temperature = new Scalar('temperature', 1);
  readonly #topK = new Scalar('top k', 1);
  readonly #topP = new Scalar('top p', 1);
  readonly #minP = new Scalar('min p', 0);
  readonly #penalty = new Scalar('repetition penalty', 1);
  readonly #kind: string;
  /** 1 for each token in a row's text, f32 [B, V]; created once the vocabulary size is known. */
  #seen: Buffer | null = null;

  constructor(kind: string) {
    this.#kind = kind;
  }

  /** The kind of these settings; each kind needs its own program. */
  static kindOf({ temperature = 1, topK, topP = 1, minP = 0, repetitionPenalty = 1 }: SamplingSettings): string {
    // Logits divided by less would overflow, and the most likely token has all the probability anyway.
    const greedy = temperature < 1e-6;
    const parts = {
      penalty: repetitionPenalty !== 1,
      greedy,
      topK: !greedy && topK !== undefined,
      topP: !greedy && topP !== 1,
      minP: !greedy && minP !== 0,
    };
    return Object.entries(parts).flatMap(([name, used]) => (used ? [name] : [])).join(' '); // prettier-ignore
  }

  /** Sets the values for the next runs, and which tokens each text holds. */
  set(settings: SamplingSettings, texts: readonly (readonly number[])[]): void {
    this.#temperature.value = settings.temperature ?? 1;
    this.#topK.value = settings.topK ?? 1;
    this.#topP.value = settings.topP ?? 1;
    this.#minP.value = settings.minP ?? 0;
    this.#penalty.value = settings.repetitionPenalty ?? 1;
    if (!this.#seen) return;
    const { shape, dtype } = this.#seen;
    const data = new Float32Array(this.#seen.size);
    for (const [row, text] of texts.entries()) for (const token of text) data[row * shape[1] + token] = 1;
    this.#seen.write({ shape, dtype, data });
  }

  /** Chooses a token for each row of `logits` [B, V]: i32 [B]. */
  choose(logits: Tensor): Tensor {
    const has = (part: string) => this.#kind.split(' ').includes(part);
    const [, classes] = logits.shape;
    let scores = logits;
    if (has('penalty')) {
      this.#seen = Buffer.zeros(spec(logits.shape), { name: 'generate.seen', persistent: false });
      scores = cast(logits, 'f32');
      const penalized = where(gt(scores, 0), div(scores, this.#penalty), mul(scores, this.#penalty));
      scores = where(gt(this.#seen, 0), penalized, scores);
    }
    const chosen = sampleLogits(scores, {
      temperature: has('greedy') ? 0 : this.#temperature,
      topK: has('topK') ? this.#topK : undefined,
      topP: has('topP') ? this.#topP : undefined,
      minP: has('minP') ? this.#minP : undefined,
    });
    if (this.#seen) assign(this.#seen, maximum(this.#seen, oneHot(chosen, classes)));
    return chosen;
  }
}
