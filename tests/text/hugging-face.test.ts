// Tokenizers in Hugging Face formats: from a vocabulary, from tokenizer.json, in batches, and as a stream.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeBatch, HuggingFaceTokenizer, TextStream } from '../../src/index.ts';
import { realData } from '../harness/real-data.ts';

const bert = HuggingFaceTokenizer.fromVocabulary(
  '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\n,\n中\n\u2028\n',
);

describe('a BERT vocabulary', () => {
  test('is split only at line feeds', () => {
    expect(bert.vocabularySize).toBe(11);
    expect(bert.token(10)).toBe('\u2028');
    expect(bert.special).toEqual({ pad: 0, unknown: 1, begin: 2, end: 3, mask: 4 });
  });

  test('lowercases, encodes word pieces, and recognises special tokens in the text', () => {
    expect([...bert.encode('Hello worlds, 中[MASK] xyz')]).toEqual([5, 6, 7, 8, 9, 4, 1]);
    expect(bert.decode([2, 5, 6, 7, 8, 5, 3])).toBe('hello worlds, hello');
    expect(bert.decode([])).toBe('');
    expect(() => bert.decode([11])).toThrow('no token 11');
  });

  test('batches get special tokens, are truncated from the longer text, and padded', () => {
    const batch = encodeBatch(bert, [['hello world', 'world'], 'hello'], { maxLength: 5 });
    expect(batch.shape).toEqual([2, 5]);
    expect([...batch.ids]).toEqual([2, 5, 3, 6, 3, 2, 5, 3, 0, 0]);
    expect([...batch.tokenTypes]).toEqual([0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
    expect([...batch.mask]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0].with(8, 0));
    expect(batch.lengths).toEqual([5, 3]);
    expect(encodeBatch(bert, ['hello'], { padTo: 6 }).shape).toEqual([1, 6]);
    expect(() => encodeBatch(bert, ['hello'], { maxLength: 2 })).toThrow('need 3');
  });

  test('streamed pieces keep the spaces between words', () => {
    const stream = new TextStream(bert);
    const pieces = [5, 6, 3, 7, 8, 5].map((id) => stream.push(id));
    expect([...pieces, stream.end()]).toEqual(['hello', ' world', '', 's', ',', ' hello', '']);
  });

  test('an invalid vocabulary or JSON is an error', () => {
    expect(() => HuggingFaceTokenizer.fromVocabulary('a\nb\n')).toThrow('lacks [UNK], [CLS], [SEP]');
    expect(() => HuggingFaceTokenizer.fromJson('{')).toThrow('tokenizer.json is not valid JSON');
  });
});

const vocab = realData('vocab');
const file = (name: string) => readFileSync(join(vocab!, name), 'utf8');

// Expected ids are from transformers' tokenizers.
describe.skipIf(!vocab)('published vocabularies', () => {
  test('bert-base-chinese gives the ids of transformers', () => {
    const tokenizer = HuggingFaceTokenizer.fromVocabulary(file('bert-base-chinese/vocab.txt'));
    expect(tokenizer.vocabularySize).toBe(21128);
    expect([...tokenizer.frame(tokenizer.encode('今天天气')).ids]).toEqual([101, 791, 1921, 1921, 3698, 102]);
  });

  test('bert-base-uncased gives the ids of transformers', () => {
    const tokenizer = HuggingFaceTokenizer.fromVocabulary(file('bert-base-uncased/vocab.txt'));
    const framed = tokenizer.frame(tokenizer.encode('Hello, my dog is cute'), tokenizer.encode('Yes'));
    expect([...framed.ids]).toEqual([101, 7592, 1010, 2026, 3899, 2003, 10140, 102, 2748, 102]);
    expect([...framed.tokenTypes]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
  });

  test('GPT-2 streams characters that take several tokens', () => {
    const tokenizer = HuggingFaceTokenizer.fromMerges(file('gpt2/encoder.json'), file('gpt2/vocab.bpe'));
    expect([...tokenizer.encode('Hello, my dog is cute')]).toEqual([15496, 11, 616, 3290, 318, 13779]);
    expect([...tokenizer.encode('a<|endoftext|>')]).toEqual([64, 50256]);
    const text = ' 红楼梦 – 👩‍👧 naïve\n\n  x';
    const ids = tokenizer.encode(text);
    expect(tokenizer.decode(ids)).toBe(text);
    const stream = new TextStream(tokenizer);
    const pieces = [...Array.from(ids, (id) => stream.push(id)), stream.end()];
    expect(pieces.join('')).toBe(text);
    expect(pieces.join('|')).not.toContain('\ufffd');
    expect(pieces).toContain('');
    // Bytes that never form a character are returned at the end.
    const broken = new TextStream(tokenizer);
    expect([broken.push(ids[1]), broken.end()]).toEqual(['', '\ufffd']);
  });

  test('CLIP gets special tokens from its post-processor', () => {
    const tokenizer = HuggingFaceTokenizer.fromJson(file('clip/tokenizer.json'));
    const { ids } = tokenizer.frame(tokenizer.encode('a photo of a cat'));
    expect([...ids]).toEqual([49406, 320, 1125, 539, 320, 2368, 49407]);
  });
});
