// Real-world text files: byte order marks, UTF-16, GB18030, CRLF, empty, truncated, binary.

import { expect, test } from 'vitest';
import { decodeText } from '../../src/index.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const utf16 = (text: string, littleEndian: boolean) => {
  const bytes = new DataView(new ArrayBuffer(2 * text.length));
  for (let i = 0; i < text.length; i++) bytes.setUint16(2 * i, text.charCodeAt(i), littleEndian);
  return new Uint8Array(bytes.buffer);
};
// "满纸荒唐言，一把辛酸泪！\r\nab" in GB18030.
const GB18030 = Uint8Array.from(
  'c2 fa d6 bd bb c4 cc c6 d1 d4 a3 ac d2 bb b0 d1 d0 c1 cb e1 c0 e1 a3 a1 0d 0a 61 62'.split(' '),
  (byte) => parseInt(byte, 16),
);

test.each([
  ['UTF-8', utf8('红楼梦é\n'), 'utf-8', '红楼梦é\n'],
  ['UTF-8 with its mark', utf8('\ufeff红楼梦'), 'utf-8', '红楼梦'],
  ['UTF-16 with its mark', utf16('\ufeff红楼梦', true), 'utf-16le', '红楼梦'],
  ['big-endian UTF-16 with its mark', utf16('\ufeff红楼梦', false), 'utf-16be', '红楼梦'],
  ['UTF-16 without a mark', utf16('To be, or not', true), 'utf-16le', 'To be, or not'],
  ['big-endian UTF-16 without a mark', utf16('To be, or not', false), 'utf-16be', 'To be, or not'],
  ['GB18030', GB18030, 'gb18030', '满纸荒唐言，一把辛酸泪！\nab'],
])('%s is recognised', (_, bytes, encoding, text) => {
  expect(decodeText(bytes)).toEqual({ text, encoding });
});

test('line ends are normalized to LF', () => {
  expect(decodeText(utf8('a\r\nb\rc\n\r\n')).text).toBe('a\nb\nc\n\n');
});

test('a given encoding replaces detection', () => {
  expect(decodeText(Uint8Array.of(0x93, 0xfa, 0x96, 0x7b), { encoding: 'shift_jis' }).text).toBe('日本');
  expect(() => decodeText(utf8('a'), { encoding: 'klingon' })).toThrow('"klingon"');
  expect(() => decodeText(GB18030, { encoding: 'utf-8' })).toThrow('not valid UTF-8');
});

test('the error for a file that is not text names it and the reason', () => {
  const name = 'poem.txt';
  expect(() => decodeText(new Uint8Array(), { name })).toThrow('poem.txt is empty');
  expect(() => decodeText(utf8(' \n\t'), { name })).toThrow('poem.txt contains only whitespace');
  const binary = Uint8Array.of(65, 66, 0, 67, 68, 69, 70, 71, 72, 73);
  expect(() => decodeText(binary, { name })).toThrow('poem.txt looks like a binary file');
  // "à l'été" in Latin-1 is not UTF-8, nor plausible Chinese.
  const latin = Uint8Array.of(0xe0, 0x20, 0x6c, 0x27, 0xe9, 0x74, 0xe9);
  expect(() => decodeText(latin, { name })).toThrow('stops being valid at byte 0');
  // Truncated within its last character.
  const cut = utf8('All the world’s a stage, é').subarray(0, -1);
  expect(() => decodeText(cut, { name })).toThrow(`at byte ${cut.length - 1})`);
});
