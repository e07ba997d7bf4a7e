// Training and held-out splits, windows, and the baselines of counts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  CharTokenizer, chaptersOf, decodeText, heldOutChapters, KneserNey, lastTenth, mostFrequent, NeighbourCounts, windowBatches,
  withoutBlanks,
} from '../../src/index.ts'; // prettier-ignore
import { realData } from '../harness/real-data.ts';

test('the last tenth is held out', () => {
  const { train, heldOut } = lastTenth(Int32Array.from({ length: 29 }, (_, i) => i));
  expect([train.length, heldOut[0], heldOut.length]).toEqual([26, 26, 3]);
});

const novel = `《书》\n\n${Array.from({ length: 16 }, (_, i) => `　第${i + 1}回　题\n  见第一回。\n`).join('')}`;

test('chapters 5, 15 … are held out, without whitespace', () => {
  expect(chaptersOf(novel)).toHaveLength(17);
  const { train, heldOut } = heldOutChapters(novel);
  expect(heldOut.map((chapter) => withoutBlanks(chapter))).toEqual(['第5回题见第一回。', '第15回题见第一回。']);
  expect(train).toHaveLength(15);
  expect(withoutBlanks('a　b\t\n c', true)).toBe('ab\nc');
  expect(() => heldOutChapters('第一回 甲\n')).toThrow('has 1 chapter');
});

describe('windows', () => {
  const ids = Int32Array.from({ length: 103 }, (_, i) => i);
  const options = { batchSize: 3, length: 8, seed: 5 };

  test('cover each token once per epoch, with the token that follows', () => {
    const { batch, specs, stepsPerEpoch } = windowBatches(ids, options);
    expect(specs.ids.shape).toEqual([3, 8]);
    expect(stepsPerEpoch).toBe(3);
    const seen = [0, 1, 2].flatMap((step) => {
      const { ids: shown, next } = batch(step);
      expect([...next]).toEqual(Array.from(shown, (id) => id + 1));
      return [...shown];
    });
    expect(new Set(seen).size).toBe(72);
  });

  test('depend only on seed and step', () => {
    const [one, other] = [windowBatches(ids, options), windowBatches(ids, options)];
    for (const step of [7, 0, 4]) one.batch(step);
    expect(one.batch(4)).toEqual(other.batch(4));
    expect(windowBatches(ids, { ...options, seed: 6 }).batch(4)).not.toEqual(other.batch(4));
  });

  test('of too short a text are an error with the length needed', () => {
    const short = () => windowBatches(ids.subarray(0, 31), options);
    expect(short).toThrow('it has 31 tokens, but a batch of 3 windows of 8 needs 32');
    expect(windowBatches(ids.subarray(0, 32), options).stepsPerEpoch).toBe(1);
    expect(() => windowBatches(ids, { ...options, length: 0 })).toThrow('length must be');
  });
});

describe('Kneser-Ney', () => {
  // "ababac": a is followed by b twice and by c once; each token is preceded by one distinct token.
  const ids = Int32Array.of(0, 1, 0, 1, 0, 2);
  const model = KneserNey.fit(ids, { order: 2, vocabularySize: 4 });

  test('gives the probabilities of its formula', () => {
    const unigram = (count: number) => (Math.max(count - 0.75, 0) + 0.75 * 3 * 0.25) / 3;
    const afterA = (count: number) => (Math.max(count - 0.75, 0) + 0.75 * 2 * unigram(1)) / 3;
    expect(model.probability(Int32Array.of(0, 1), 1)).toBeCloseTo(afterA(2), 12);
    expect(model.probability(Int32Array.of(0, 2), 1)).toBeCloseTo(afterA(1), 12);
    // Nothing follows c, so the unigram counts decide.
    expect(model.probability(Int32Array.of(2, 0), 1)).toBeCloseTo(unigram(1), 12);
    expect(model.probability(Int32Array.of(2, 3), 1)).toBeCloseTo(unigram(0), 12);
  });

  test('probabilities sum to 1 after every context', () => {
    const longer = KneserNey.fit(Int32Array.of(0, 1, 0, 1, 0, 2, 1, 1, 0), { order: 4, vocabularySize: 4 });
    for (const context of [[], [0], [1, 0], [0, 1, 0], [2, 2, 2], [3], [0, 2, 1]]) {
      const all = [0, 1, 2, 3].map((id) => longer.probability(Int32Array.of(...context, id), context.length));
      expect(all.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    }
  });

  test('empty texts and orders below 1 are errors', () => {
    expect(() => KneserNey.fit(new Int32Array(), { order: 2, vocabularySize: 2 })).toThrow('empty');
    expect(() => model.nats(new Int32Array())).toThrow('empty');
    expect(() => KneserNey.fit(ids, { order: 0, vocabularySize: 2 })).toThrow('order');
  });
});

test('NeighbourCounts uses both neighbours, then the left one, then the most frequent token', () => {
  const tokenizer = CharTokenizer.of('abcdxyz');
  const encode = (text: string) => tokenizer.encode(text);
  const model = NeighbourCounts.fit([encode('abcabcaxc'), encode('yd')], tokenizer.vocabularySize);
  const guess = (left: string, right: string) => tokenizer.decode([model.guess(encode(left)[0], encode(right)[0])]);
  expect([guess('a', 'c'), guess('y', 'a'), guess('z', 'z')]).toEqual(['b', 'd', 'a']);
  expect(tokenizer.decode([mostFrequent(encode('abcabca'), tokenizer.vocabularySize)])).toBe('a');
  expect(model.accuracy([encode('abcxz')])).toBeCloseTo(2 / 3, 12);
  expect(() => model.accuracy([encode('ab')])).toThrow('shorter than three');
});

const [english, chinese] = [realData('text_en'), realData('text_zh')];
const read = (folder: string, file: string) => decodeText(readFileSync(join(folder, file)), { name: file }).text;

test.skipIf(!english)('Kneser-Ney on tinyshakespeare matches the published results', () => {
  const text = read(english!, 'tinyshakespeare.txt');
  const tokenizer = CharTokenizer.of(text);
  expect(tokenizer.vocabularySize).toBe(65);
  const { train, heldOut } = lastTenth(tokenizer.encode(text));
  const nats = (order: number) => KneserNey.fit(train, { order, vocabularySize: 65 }).nats(heldOut);
  expect(nats(3)).toBeCloseTo(2.0413, 4);
  expect(nats(6)).toBeCloseTo(1.5385, 4);
});

test.skipIf(!chinese)('Kneser-Ney on 红楼梦 matches the published results', () => {
  const text = read(chinese!, 'hongloumeng.txt');
  const tokenizer = CharTokenizer.of(withoutBlanks(text, true));
  expect(tokenizer.vocabularySize).toBe(4445);
  const part = (chapters: readonly string[]) => tokenizer.encode(withoutBlanks(chapters.join(''), true));
  const { train, heldOut } = heldOutChapters(text);
  const model = KneserNey.fit(part(train), { order: 3, vocabularySize: 4445 });
  expect(Math.exp(model.nats(part(heldOut)))).toBeCloseTo(54.3, 1);
});
