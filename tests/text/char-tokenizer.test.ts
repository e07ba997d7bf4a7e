// The character tokenizer: code points, special tokens, and unknown characters.

import { expect, test } from 'vitest';
import { CharTokenizer, UnknownCharacterError } from '../../src/index.ts';

test('the vocabulary has the characters of the text by code point', () => {
  // Sorted by UTF-16 units, U+1D11E would come before U+FF01.
  const tokenizer = CharTokenizer.of('b！a\u{1d11e}ab');
  expect(tokenizer.vocabulary).toEqual(['a', 'b', '！', '\u{1d11e}']);
  expect([...tokenizer.encode('\u{1d11e}ab！')]).toEqual([3, 0, 1, 2]);
  expect(tokenizer.decode([3, 0, 2])).toBe('\u{1d11e}a！');
});

test('byFrequency orders by count, then code point, and limits the size', () => {
  const tokenizer = CharTokenizer.byFrequency(['bba', 'cbc'], ['[PAD]', '[UNK]'], 4);
  expect(tokenizer.vocabulary).toEqual(['[PAD]', '[UNK]', 'b', 'c']);
});

test('survives a JSON round trip', () => {
  const tokenizer = CharTokenizer.of('红楼梦\n"\\', ['[PAD]']);
  const again = CharTokenizer.parse(JSON.stringify(tokenizer));
  expect(again.vocabulary).toEqual(tokenizer.vocabulary);
  expect(() => CharTokenizer.parse('{"vocabulary":["a"]}')).toThrow('not the JSON of a character tokenizer');
});

test('the error for an unknown character has its code point and position; drop omits it', () => {
  const tokenizer = CharTokenizer.of('Romeo ');
  const encode = () => tokenizer.encode('Romé\u200bo é');
  expect(encode).toThrow(UnknownCharacterError);
  expect(encode).toThrow('"é" (U+00E9)');
  expect(encode).toThrow('(U+200B)');
  expect(encode).toThrow('character 4 of the text');
  expect(encode).toThrow("unknown: 'drop'");
  expect(tokenizer.decode(tokenizer.with('drop').encode('Romé\u200bo é'))).toBe('Romo ');
});

test('special tokens are recognised in texts, decode to nothing, and [UNK] replaces unknown characters', () => {
  const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '我', '你', '['];
  const tokenizer = new CharTokenizer(tokens, { unknown: 'token' });
  expect(tokenizer.special).toEqual({ pad: 0, unknown: 1, begin: 2, end: 3, mask: 4 });
  expect([...tokenizer.encode('我[MASK]你[他\n')]).toEqual([5, 4, 6, 7, 1, 1]);
  expect(tokenizer.decode([2, 5, 4, 6, 3])).toBe('我你');
  expect(tokenizer.token(4)).toBe('[MASK]');
  const { ids, tokenTypes } = tokenizer.frame(Int32Array.of(5), Int32Array.of(6, 5));
  expect([...ids]).toEqual([2, 5, 3, 6, 5, 3]);
  expect([...tokenTypes]).toEqual([0, 0, 0, 1, 1, 1]);
});

test('invalid vocabularies and ids are errors', () => {
  expect(() => new CharTokenizer([])).toThrow('empty');
  expect(() => new CharTokenizer(['a', 'b', 'a'])).toThrow('"a" twice');
  expect(() => new CharTokenizer(['a'], { unknown: 'token' })).toThrow('[UNK]');
  expect(() => CharTokenizer.of('')).toThrow('empty');
  expect(() => CharTokenizer.of('ab').decode([2])).toThrow('no token 2');
});
