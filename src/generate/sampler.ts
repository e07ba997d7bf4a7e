// How a token is chosen from scores, as numbers that may change between runs of one program.

import { Buffer } from '../core/parameter.ts';
import { Scalar, spec, type Tensor } from '../core/tensor.ts';
import { assign } from '../core/trace.ts';
import { div, maximum, mul } from '../ops/elementwise/binary.ts';
import { cast } from '../ops/elementwise/cast.ts';
import { gt } from '../ops/elementwise/compare.ts';
import { where } from '../ops/elementwise/where.ts';
import { oneHot } from '../ops/indexing/embedding.ts';
import { sampleLogits } from '../ops/random/sampling.ts';

/** How tokens are drawn. */
export interface SamplingSettings {
  /**
   * Divides the scores: below 1 likely tokens become likelier; 0, or less than a millionth, takes the likeliest. 1 by
   * default.
   */
  readonly temperature?: number;
  /** How many of the likeliest tokens are drawn from; all by default. */
  readonly topK?: number;
  /** The share of probability, counted from the likeliest token on, that is drawn from; all of it by default. */
  readonly topP?: number;
  /** How likely a token must be, as a part of the likeliest one's probability; 0 by default. */
  readonly minP?: number;
  /**
   * What scores of tokens that the text already holds are divided by (multiplied, where negative), as in CTRL (Keskar et al.,
   * 2019) and transformers. Above 1 it avoids repetition; 1, the default, changes nothing.
   */
  readonly repetitionPenalty?: number;
}

/** Throws, with the setting and what it may be, where one makes no sense. */
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

/** One way to draw: settings of one kind share it, whatever their numbers. */
export class Sampler {
  readonly #temperature = new Scalar('temperature', 1);
  readonly #topK = new Scalar('top k', 1);
  readonly #topP = new Scalar('top p', 1);
  readonly #minP = new Scalar('min p', 0);
  readonly #penalty = new Scalar('repetition penalty', 1);
  readonly #kind: string;
  /** 1 for each token that a row's text holds: f32 [B, V]; made when the scores are known. */
  #seen: Buffer | null = null;

  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Settings of one kind need one program. */
  static kindOf({ temperature = 1, topK, topP = 1, minP = 0, repetitionPenalty = 1 }: SamplingSettings): string {
    // Scores that are divided by less overflow; and then, too, the likeliest has it all.
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

  /** Sets the numbers of the next runs, and what each text holds. */
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
