// Generated text: prompts, stop strings across pieces, repetition loops, characters of several tokens.

import { expect, test } from 'vitest';
import {
  CharTokenizer, CpuDevice, Decoder, generateText, UnknownCharacterError, type StopReason, type Tokenizer,
} from '../../src/node.ts'; // prettier-ignore
import { RepetitionGuard } from '../../src/generate/repetition.ts';
import { StopStrings } from '../../src/generate/stop-strings.ts';
import { collect, tinyLSTM } from './tiny.ts';

const tokenizer = CharTokenizer.of('\nabcdefghijkl');

async function write(options: Parameters<typeof generateText>[3] = {}, prompt = 'abc', by: Tokenizer = tokenizer) {
  using decoder = new Decoder(new CpuDevice(), tinyLSTM());
  let reason: StopReason | undefined;
  const settings = { temperature: 0, maxTokens: 30, ...options, onStop: (why: StopReason) => (reason = why) };
  const pieces = await collect(generateText(decoder, by, prompt, settings));
  return { pieces, text: pieces.join(''), reason };
}

test('text is streamed in pieces, without the prompt', async () => {
  const { pieces, text, reason } = await write();
  expect(pieces).toHaveLength(30);
  expect(text).toHaveLength(30);
  expect(reason).toBe('length');
});

test('a stop string ends the text and is not returned', async () => {
  const { text } = await write();
  const stop = text.slice(11, 15);
  const at = text.indexOf(stop);
  expect(await write({ stop: ['zzz', stop] })).toMatchObject({ text: text.slice(0, at), reason: 'stop' });
  // An incomplete stop string at the end is returned.
  expect(await write({ stop: [`${text.slice(-3)}!`] })).toMatchObject({ text, reason: 'length' });
  await expect(write({ stop: [''] })).rejects.toThrow('stop string is empty');
});

test('held-back text is returned before an error; maxTokens of 0 stops with the reason length', async () => {
  const { text } = await write();
  using decoder = new Decoder(new CpuDevice(), tinyLSTM());
  const cancel = new AbortController();
  // Cancels at the fifth character: each takes two calls, for the piece and for what is kept.
  let calls = 0;
  const cancelling: Tokenizer = {
    vocabularySize: tokenizer.vocabularySize,
    special: {},
    encode: (some) => tokenizer.encode(some),
    token: (id) => tokenizer.token(id),
    frame: (ids) => tokenizer.frame(ids),
    decode(ids: ArrayLike<number>) {
      if (++calls === 9) cancel.abort(new Error('enough'));
      return tokenizer.decode(ids);
    },
  };
  const pieces: string[] = [];
  const cut = async () => {
    const settings = { temperature: 0, stop: [`${text.slice(4, 7)}!`], signal: cancel.signal };
    for await (const piece of generateText(decoder, cancelling, 'abc', settings)) pieces.push(piece);
  };
  await expect(cut()).rejects.toThrow('enough');
  expect(pieces.join('')).toBe(text.slice(0, 5));
  expect(await write({ maxTokens: 0 })).toEqual({ pieces: [], text: '', reason: 'length' });
});

test('an empty prompt becomes a line end or the begin token', async () => {
  expect((await write({}, '')).text).toBe((await write({}, '\n')).text);
  const opened = new CharTokenizer(['[CLS]', ...'bcdefghijkla']);
  expect((await write({}, '', opened)).text).toBe((await write({}, '[CLS]', opened)).text);
  await expect(write({}, '', CharTokenizer.of('abcdefghijklm'))).rejects.toThrow('give a prompt');
});

test('the error for an unknown character names it; unknown: drop omits it', async () => {
  const failure = write({}, 'aXbc');
  await expect(failure).rejects.toThrow(UnknownCharacterError);
  await expect(failure).rejects.toThrow('"X" (U+0058)');
  expect((await write({}, 'aXbc', tokenizer.with('drop'))).text).toBe((await write()).text);
});

test('stop strings are found across pieces; a possible beginning is held back', () => {
  const filter = new StopStrings(['END', 'NDX']);
  expect(filter.push('the E')).toEqual({ text: 'the ', stopped: false });
  expect(filter.push('N')).toEqual({ text: '', stopped: false });
  expect(filter.push('N')).toEqual({ text: 'EN', stopped: false });
  expect(filter.push('DX and more')).toEqual({ text: '', stopped: true });
  const other = new StopStrings(['aab']);
  expect(other.push('aaa')).toEqual({ text: 'a', stopped: false });
  expect(other.end()).toBe('aa');
});

test('repetition loops are detected, lines of dashes are not', () => {
  const after = (period: number, least = 1000) => {
    const guard = new RepetitionGuard();
    for (let i = 0; i < 300; i++) guard.push((i * i) % 251);
    for (let i = 0; i < least; i++) if (guard.push(1000 + (i % period))) return i + 1;
    return null;
  };
  expect(after(1)).toBe(120);
  expect(after(1, 80)).toBe(null);
  expect(after(20)).toBe(120);
  expect(after(64)).toBe(6 * 64);
  expect(after(65)).toBe(null);
});
