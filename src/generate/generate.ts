// Text from a causal model, token by token or as text, until one of the stop rules ends it.

import { TextStream } from '../text/stream-text.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Decoder, DecodingSettings } from './decoder.ts';
import { RepetitionGuard } from './repetition.ts';
import { StopStrings } from './stop-strings.ts';

/** Why a text ended: `maxTokens`, an end token, a stop string, or because it went round in circles. */
export type StopReason = 'length' | 'end' | 'stop' | 'repetition';

/** When a text ends, besides after `maxTokens`. */
export interface GenerateOptions extends DecodingSettings {
  /** Tokens that end a text; they are not given. */
  readonly endIds?: readonly number[];
  /** False goes on even in circles: six rounds of the same up to 64 tokens, 120 tokens at least. True by default. */
  readonly stopAtRepetition?: boolean;
  /** Called at the end of a text, with what ended it; not for an error. */
  readonly onStop?: (reason: StopReason) => void;
}

export interface GenerateTextOptions extends GenerateOptions {
  /** Strings that end a text; they are not given. */
  readonly stop?: readonly string[];
}

/** Tokens to generate, where nobody says how many. */
const MAX_TOKENS = 256;

/** The rules that end one row's text by its tokens. */
class Ending {
  readonly #options: GenerateOptions;
  readonly #guard = new RepetitionGuard();
  #count = 0;

  constructor(options: GenerateOptions) {
    this.#options = options;
  }

  /** Whether the text ends before `token`, or with it. */
  push(token: number): { readonly given: boolean; readonly reason: StopReason | null } {
    const { endIds = [], stopAtRepetition = true, maxTokens = MAX_TOKENS } = this.#options;
    if (endIds.includes(token)) return { given: false, reason: 'end' };
    const isCircle = this.#guard.push(token) && stopAtRepetition;
    this.#count++;
    return { given: true, reason: isCircle ? 'repetition' : this.#count >= maxTokens ? 'length' : null };
  }
}

/**
 * The tokens that follow `prompt`, as they come; 256 of them by default. They end by the rules in `options`, at `break`, or
 * with the reason of `options.signal`:
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
  // Not within the generator: settings that make no sense are refused before anybody waits for a token.
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
  // No token was asked for.
  options.onStop?.('length');
}

/** Texts that follow one prompt, drawn side by side: as many as the decoder's batch. Each ends by the rules in `options`. */
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
 * The text that follows `prompt`, piece by piece as it comes. An empty prompt begins with the tokenizer's opening token, or
 * after a line end. The tokenizer's end token ends the text unless `options.endIds` says otherwise. Throws at once what the
 * tokenizer throws, such as an UnknownCharacterError.
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

/** The ids of a prompt, or what a text opens with where it is empty. */
function promptIds(tokenizer: Tokenizer, prompt: string): Int32Array {
  const ids = tokenizer.encode(prompt);
  if (ids.length > 0) return ids;
  const { begin } = tokenizer.special;
  if (begin !== undefined) return Int32Array.of(begin);
  try {
    return tokenizer.encode('\n');
  } catch {
    throw new Error(
      'generateText: the prompt is empty, and the vocabulary has neither an opening token nor a line end to begin with; ' +
        'give a prompt.',
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
    // What was held back has been generated, too.
    const { text } = rest();
    if (text !== '') yield text;
    throw error;
  }
  const { text, stopped } = rest();
  if (text !== '') yield text;
  onEnd(stopped);
}
