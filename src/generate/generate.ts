// Generates tokens or text with a causal model until a stop rule applies.

import { TextStream } from '../text/stream-text.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Decoder, DecodingSettings } from './decoder.ts';
import { RepetitionGuard } from './repetition.ts';
import { StopStrings } from './stop-strings.ts';

/** Why generation stopped: `maxTokens`, an end token, a stop string, or a repetition loop. */
export type StopReason = 'length' | 'end' | 'stop' | 'repetition';

/** Stop rules besides `maxTokens`. */
export interface GenerateOptions extends DecodingSettings {
  /** Tokens that end the text; they are not returned. */
  readonly endIds?: readonly number[];
  /** Whether to stop in a loop: the same up to 64 tokens six times, and at least 120 tokens (default true). */
  readonly stopAtRepetition?: boolean;
  /** Called when a text ends, with the reason; not called for an error. */
  readonly onStop?: (reason: StopReason) => void;
}

export interface GenerateTextOptions extends GenerateOptions {
  /** Strings that end the text; they are not returned. */
  readonly stop?: readonly string[];
}

/** Default number of tokens to generate. */
const MAX_TOKENS = 256;

/** Applies the stop rules to the tokens of one row. */
class Ending {
  readonly #options: GenerateOptions;
  readonly #guard = new RepetitionGuard();
  #count = 0;

  constructor(options: GenerateOptions) {
    this.#options = options;
  }

  /** Whether `token` belongs to the text, and the reason if the text ends here. */
  push(token: number): { readonly given: boolean; readonly reason: StopReason | null } {
    const { endIds = [], stopAtRepetition = true, maxTokens = MAX_TOKENS } = this.#options;
    if (endIds.includes(token)) return { given: false, reason: 'end' };
    const isCircle = this.#guard.push(token) && stopAtRepetition;
    this.#count++;
    return { given: true, reason: isCircle ? 'repetition' : this.#count >= maxTokens ? 'length' : null };
  }
}

/**
 * Streams the tokens that follow `prompt`, at most 256 by default. They end by the stop rules in `options`, at `break`, or by
 * throwing the reason of `options.signal`:
 *
 *     using decoder = new Decoder(device, model);
 *     for await (const token of generate(decoder, prompt, { temperature: 0.8 })) …
 */
export function generate(
  decoder: Decoder,
  prompt: Int32Array,
  options: GenerateOptions = {},
): AsyncGenerator<number, void, void> {
  const { maxTokens = MAX_TOKENS } = options;
  // Outside the generator, so that invalid settings throw at once.
  const steps = decoder.decode([prompt], { ...options, maxTokens });
  return untilEnd(steps, options);
}

async function* untilEnd(
  steps: AsyncIterable<Int32Array>,
  options: GenerateOptions,
): AsyncGenerator<number, void, void> {
  const ending = new Ending(options);
  for await (const [token] of steps) {
    const { given, reason } = ending.push(token);
    if (given) yield token;
    if (!reason) continue;
    options.onStop?.(reason);
    return;
  }
  // maxTokens is 0.
  options.onStop?.('length');
}

/** Several texts that follow one prompt, one per row of the decoder's batch. Each ends by the stop rules in `options`. */
export async function generateSeveral(
  decoder: Decoder,
  prompt: Int32Array,
  options: GenerateOptions = {},
): Promise<Int32Array[]> {
  const { maxTokens = MAX_TOKENS, onStop } = options;
  const rows = Array.from({ length: decoder.batch }, () => ({ tokens: [] as number[], ending: new Ending(options), ended: false })); // prettier-ignore
  for await (const next of decoder.decode(
    rows.map(() => prompt),
    { ...options, maxTokens },
  )) {
    for (const [i, row] of rows.entries()) {
      if (row.ended) continue;
      const { given, reason } = row.ending.push(next[i]);
      if (given) row.tokens.push(next[i]);
      row.ended = reason !== null;
      if (reason) onStop?.(reason);
    }
    if (rows.every(({ ended }) => ended)) break;
  }
  return rows.map(({ tokens }) => Int32Array.from(tokens));
}

/**
 * Streams the text that follows `prompt`. An empty prompt becomes the tokenizer's begin token, or a line end. The tokenizer's
 * end token ends the text unless `options.endIds` is given.
 * @throws at once what the tokenizer throws, such as an UnknownCharacterError.
 */
export function generateText(
  decoder: Decoder,
  tokenizer: Tokenizer,
  prompt: string,
  options: GenerateTextOptions = {},
): AsyncGenerator<string, void, void> {
  const { end } = tokenizer.special;
  const { stop = [], endIds = end === undefined ? [] : [end], onStop } = options;
  let reason: StopReason | null = null;
  const tokens = generate(decoder, promptIds(tokenizer, prompt), {
    ...options,
    endIds,
    onStop: (why) => (reason = why),
  });
  return textOf(tokens, tokenizer, new StopStrings(stop), (stopped) => onStop?.(stopped ? 'stop' : reason!));
}

/** The ids of a prompt; if it is empty, the begin token or a line end. */
function promptIds(tokenizer: Tokenizer, prompt: string): Int32Array {
  const ids = tokenizer.encode(prompt);
  if (ids.length > 0) return ids;
  const { begin } = tokenizer.special;
  if (begin !== undefined) return Int32Array.of(begin);
  try {
    return tokenizer.encode('\n');
  } catch {
    throw new Error(
      'generateText: the prompt is empty, and the vocabulary has neither a begin token nor a line end; give a prompt.',
    );
  }
}

async function* textOf(
  tokens: AsyncIterable<number>,
  tokenizer: Tokenizer,
  filter: StopStrings,
  onEnd: (stopped: boolean) => void,
): AsyncGenerator<string, void, void> {
  const stream = new TextStream(tokenizer);
  const rest = () => {
    const { text, stopped } = filter.push(stream.end());
    return { text: stopped ? text : text + filter.end(), stopped };
  };
  try {
    for await (const token of tokens) {
      const { text, stopped } = filter.push(stream.push(token));
      if (text !== '') yield text;
      if (!stopped) continue;
      onEnd(true);
      return;
    }
  } catch (error) {
    // The held-back text was generated, too.
    const { text } = rest();
    if (text !== '') yield text;
    throw error;
  }
  const { text, stopped } = rest();
  if (text !== '') yield text;
  onEnd(stopped);
}
