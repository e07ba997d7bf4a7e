// Nats per token and accuracy: each token scored once, with the given context, and equal on every device.

import { describe, expect, test } from 'vitest';
import { CpuDevice, eq, measureAccuracy, natsPerToken, spec, type Tensor } from '../../src/node.ts';
import { scoresAfter, tinyGPT, tinyLSTM, VOCABULARY } from '../generate/tiny.ts';
import { testGpu } from '../harness/devices.ts';

const text = Int32Array.from({ length: 41 }, (_, i) => (i * i * 3 + i) % VOCABULARY);
const devices = { CPU: async () => new CpuDevice(), GPU: testGpu };

/** -log(probability) of the token at `place`, given the tokens from `start` on. */
async function natsAt(model: Parameters<typeof scoresAfter>[0], start: number, place: number): Promise<number> {
  const scores = await scoresAfter(model, [...text.subarray(start, place)]);
  const most = Math.max(...scores);
  return most + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - most), 0)) - scores[text[place]];
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

describe.each(Object.entries(devices))('on the %s', (_, open) => {
  test('a GPT scores each token once in overlapping windows', async () => {
    const model = tinyGPT();
    // Windows of 12 that overlap by 4 start at 0, 8, 16, 24 and, to end with the text, 28.
    const starts = Array.from({ length: 40 }, (_unused, i) =>
      i < 12 ? 0 : i < 20 ? 8 : i < 28 ? 16 : i < 36 ? 24 : 28,
    );
    const expected = await Promise.all(starts.map((start, i) => natsAt(model, start, i + 1)));
    const { nats, count } = await natsPerToken(await open(), model, text, { length: 12, context: 4, batchSize: 2 });
    expect(count).toBe(40);
    expect(nats).toBeCloseTo(mean(expected), 5);
  });

  test('an LSTM scores each token once with its memory', async () => {
    const model = tinyLSTM();
    const whole = await Promise.all(Array.from({ length: 40 }, (_unused, i) => natsAt(model, 0, i + 1)));
    const device = await open();
    const alone = await natsPerToken(device, model, text, { length: 7, batchSize: 1 });
    expect(alone.count).toBe(40);
    expect(alone.nats).toBeCloseTo(mean(whole), 5);
    // Three parts of 14, 14 and 12 tokens, each starting five tokens early.
    const starts = Array.from({ length: 40 }, (_unused, i) => (i < 14 ? 0 : i < 28 ? 9 : 23));
    const expected = await Promise.all(starts.map((start, i) => natsAt(model, start, i + 1)));
    const parts = await natsPerToken(device, model, text, { length: 7, context: 5, batchSize: 3 });
    expect(parts.count).toBe(40);
    expect(parts.nats).toBeCloseTo(mean(expected), 5);
  });

  test('accuracy is plain or balanced over classes, and ignores padding', async () => {
    const rows = [[1, 1, 0, 1], [0, 1, 1, 1]]; // prettier-ignore
    const classes = [[0, 0, 0, 1], [1, 0, 0, -1]]; // prettier-ignore
    const one = spec([4], 'i32');
    const data = {
      specs: { found: one, kind: one },
      batch: (step: number) => ({ found: Int32Array.from(rows[step]), kind: Int32Array.from(classes[step]) }),
    };
    const fn = ({ found, kind }: Readonly<Record<string, Tensor>>) => ({
      plain: { right: eq(found, 1) },
      balanced: { right: found, classes: kind },
    });
    const found = await measureAccuracy(await open(), fn, data, 2);
    expect(found).toEqual({ plain: 6 / 8, balanced: (4 / 5 + 1 / 2) / 2 });
    await expect(measureAccuracy(await open(), fn, data, 0)).rejects.toThrow('no batches');
  });
});

test('a short text is one window; invalid lengths are errors', async () => {
  const device = new CpuDevice();
  const model = tinyGPT();
  const { nats, count } = await natsPerToken(device, model, text.subarray(0, 4), { length: 24 });
  expect(count).toBe(3);
  expect(nats).toBeCloseTo(mean(await Promise.all([1, 2, 3].map((place) => natsAt(model, 0, place)))), 5);
  await expect(natsPerToken(device, model, text.subarray(0, 1), { length: 24 })).rejects.toThrow(
    'at least two are needed',
  );
  await expect(natsPerToken(device, model, text, { length: 25 })).rejects.toThrow('length is 25, but the model has 24');
  await expect(natsPerToken(device, model, text, { length: 8, context: 8 })).rejects.toThrow('context');
  const lstm = await natsPerToken(device, tinyLSTM(), text.subarray(0, 4), { length: 24 });
  expect(lstm.count).toBe(3);
  expect(lstm.nats).toBeCloseTo(mean(await Promise.all([1, 2, 3].map((place) => natsAt(tinyLSTM(), 0, place)))), 5);
});
