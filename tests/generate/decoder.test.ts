// Cached decoding equals full forward passes token by token; settings, seeds, limits, cancellation.

import { describe, expect, test } from 'vitest';
import type { Executable, Plan } from '../../src/backends/device.ts';
import {
  CpuDevice, Decoder, DeviceLostError, generate, generateSeveral, type Device, type Parameter, type StopReason,
} from '../../src/node.ts'; // prettier-ignore
import { testGpu } from '../harness/devices.ts';
import {
  collect, likeliest, likeliestAfter, likeliestTexts, POSITIONS, scoresAfter, tinyGPT, tinyLSTM, VOCABULARY,
} from './tiny.ts'; // prettier-ignore

const models = { GPT: tinyGPT, LSTM: tinyLSTM };
const devices = { CPU: async () => new CpuDevice(), GPU: testGpu };
const prompt = Int32Array.of(3, 1, 4, 1, 5, 9, 2, 6, 5);

describe.each(Object.entries(models))('%s', (_, make) => {
  describe.each(Object.entries(devices))('on the %s', (kind, open) => {
    test('cached and uncached decoding agree on every token, for several prompts', async () => {
      const model = make();
      using decoder = new Decoder(await open(), model);
      for (const start of [prompt, prompt.subarray(0, 1), prompt]) {
        const expected = await likeliestTexts(model, [...start], 12);
        expect(new Set(expected).size).toBeGreaterThan(2);
        expect(await collect(generate(decoder, start, { temperature: 0, maxTokens: 12 }))).toEqual(expected);
      }
    });

    test('a seed reproduces its text; a different seed gives a different one', async () => {
      using decoder = new Decoder(await open(), make());
      const draw = (seed: number) => collect(generate(decoder, prompt, { seed, temperature: 2, topK: 9, topP: 0.95, minP: 0.01, maxTokens: 14 })); // prettier-ignore
      const first = await draw(1);
      expect(first).toHaveLength(14);
      expect(await draw(2)).not.toEqual(first);
      expect(await draw(1)).toEqual(first);
      // Neither earlier decoding nor reused programs change the result.
      using other = new Decoder(await open(), make());
      const settings = { seed: 1, temperature: 2, topK: 9, topP: 0.95, minP: 0.01, maxTokens: 14 };
      expect(await collect(generate(other, prompt, settings))).toEqual(first);
      if (kind === 'CPU') return;
      using cpu = new Decoder(new CpuDevice(), make());
      expect(await collect(generate(cpu, prompt, settings))).toEqual(first);
    });
  });
});

test('a repetition penalty lowers the logits of tokens in the text, including the prompt', async () => {
  const model = tinyLSTM();
  const penalty = 1.7;
  const expected = [3];
  while (expected.length < 12) {
    const scores = await scoresAfter(model, expected);
    expected.push(likeliest(scores.map((score, i) => (!expected.includes(i) ? score : score > 0 ? score / penalty : score * penalty)))); // prettier-ignore
  }
  const plain = await likeliestTexts(model, [3], 11);
  expect(expected.slice(1)).not.toEqual(plain);
  for (const open of Object.values(devices)) {
    using decoder = new Decoder(await open(), model);
    const settings = { temperature: 0, maxTokens: 11, stopAtRepetition: false };
    const penalized = { ...settings, repetitionPenalty: penalty };
    expect(await collect(generate(decoder, Int32Array.of(3), penalized))).toEqual(expected.slice(1));
    expect(await collect(generate(decoder, Int32Array.of(3), settings))).toEqual(plain);
    expect(await collect(generate(decoder, Int32Array.of(3), penalized))).toEqual(expected.slice(1));
  }
});

test('a GPT with full context continues from the last half of its text', async () => {
  const model = tinyGPT();
  const expected = [...prompt];
  for (let start = 0; expected.length < prompt.length + 40;) {
    if (expected.length - start > POSITIONS) start = expected.length - POSITIONS / 2;
    expected.push(await likeliestAfter(model, expected.slice(start)));
  }
  for (const open of Object.values(devices)) {
    using decoder = new Decoder(await open(), model);
    const settings = { temperature: 0, maxTokens: 40, stopAtRepetition: false };
    expect(await collect(generate(decoder, prompt, settings))).toEqual(expected.slice(prompt.length));
    // A longer prompt is truncated to half of the positions.
    const long = Int32Array.from({ length: 70 }, (_, i) => (i * i) % VOCABULARY);
    const [token] = await collect(generate(decoder, long, { temperature: 0, maxTokens: 1 }));
    expect(token).toBe(await likeliestAfter(model, [...long.subarray(-POSITIONS / 2)]));
  }
});

test('an LSTM decodes without a length limit, and its memory covers the whole text', async () => {
  const model = tinyLSTM();
  const long = Int32Array.from({ length: 150 }, (_, i) => (i * i) % VOCABULARY);
  using decoder = new Decoder(await testGpu(), model);
  const found = await collect(generate(decoder, long, { temperature: 0, maxTokens: 3 }));
  expect(found).toEqual(await likeliestTexts(model, [...long], 3));
});

test('generateSeveral decodes several texts that end independently', async () => {
  const model = tinyGPT();
  using decoder = new Decoder(await testGpu(), model, { batch: 3 });
  const reasons: StopReason[] = [];
  const options = { temperature: 3, maxTokens: 10, seed: 2, endIds: [7], onStop: (reason: StopReason) => reasons.push(reason) }; // prettier-ignore
  const texts = await generateSeveral(decoder, prompt, options);
  expect(texts).toHaveLength(3);
  expect(reasons).toHaveLength(3);
  expect(new Set(texts.map((text) => text.join())).size).toBe(3);
  for (const text of texts) expect(text).not.toContain(7);
  expect(reasons.filter((reason) => reason === 'length')).toHaveLength(texts.filter(({ length }) => length === 10).length); // prettier-ignore
  const greedy = await generateSeveral(decoder, prompt, { temperature: 0, maxTokens: 4 });
  expect(greedy.map((text) => [...text])).toEqual(Array(3).fill(await likeliestTexts(model, [...prompt], 4)));
});

describe('a text stops', () => {
  const run = async (options: Parameters<typeof generate>[2]) => {
    using decoder = new Decoder(new CpuDevice(), tinyLSTM());
    let reason: StopReason | undefined;
    const tokens = await collect(generate(decoder, prompt, { temperature: 0, ...options, onStop: (why) => (reason = why) })); // prettier-ignore
    return { tokens, reason };
  };

  test('after maxTokens', async () => {
    expect(await run({ maxTokens: 2 })).toMatchObject({ tokens: { length: 2 }, reason: 'length' });
    expect(await run({ maxTokens: 0 })).toMatchObject({ tokens: { length: 0 } });
  });

  test('at an end token, which is not returned', async () => {
    const all = (await run({ maxTokens: 12 })).tokens;
    const end = all.find((token, i) => all.indexOf(token) === i && i > 1)!;
    expect(await run({ endIds: [end] })).toEqual({ tokens: all.slice(0, all.indexOf(end)), reason: 'end' });
  });

  test('in a repetition loop, unless stopAtRepetition is false', async () => {
    const { tokens, reason } = await run({ maxTokens: 1000 });
    expect(reason).toBe('repetition');
    expect(tokens.length).toBeGreaterThanOrEqual(120);
    expect(tokens.length).toBeLessThan(500);
    expect((await run({ maxTokens: tokens.length + 5, stopAtRepetition: false })).reason).toBe('length');
  });

  test.each(Object.entries(devices))(
    'when cancelled, after returning the earlier tokens, and the decoder can be reused (%s)',
    async (_, open) => {
      using decoder = new Decoder(await open(), tinyGPT());
      const stop = new AbortController();
      const found: number[] = [];
      const decode = async () => {
        for await (const token of generate(decoder, prompt, { temperature: 0, signal: stop.signal })) {
          found.push(token);
          if (found.length === 3) stop.abort(new Error('enough'));
        }
      };
      await expect(decode()).rejects.toThrow('enough');
      expect(found).toHaveLength(3);
      for await (const token of generate(decoder, prompt, { temperature: 0 })) {
        expect(token).toBe(found[0]);
        break;
      }
      await expect(
        collect(generate(decoder, prompt, { signal: AbortSignal.abort(new Error('never')) })),
      ).rejects.toThrow('never');
      expect(await collect(generate(decoder, prompt, { temperature: 0, maxTokens: 3 }))).toEqual(found);
    },
  );
});

test('tokens before a lost device are returned, and another decoder continues', async () => {
  const [model, cpu] = [tinyGPT(), new CpuDevice()];
  const whole = await likeliestTexts(model, [...prompt], 8);
  let left = 6;
  const failing: Device = Object.assign(Object.create(cpu) as Device, {
    async load(plan: Plan): Promise<Executable> {
      const executable = await cpu.load(plan);
      return Object.assign(Object.create(executable) as Executable, {
        run(...inputs: Parameters<Executable['run']>) {
          return left-- > 0 ? executable.run(...inputs) : Promise.reject(new DeviceLostError('a test'));
        },
      });
    },
  });
  const found: number[] = [];
  const decode = async () => {
    for await (const token of generate(new Decoder(failing, model), prompt, { temperature: 0 })) found.push(token);
  };
  await expect(decode()).rejects.toThrow(DeviceLostError);
  // One run for the prompt, and one for each of five tokens.
  expect(found).toEqual(whole.slice(0, 5));
  using decoder = new Decoder(cpu, model);
  const rest = await collect(generate(decoder, Int32Array.of(...prompt, ...found), { temperature: 0, maxTokens: 3 }));
  expect(rest).toEqual(whole.slice(5));
});

test('a disposed decoder has freed its memory and rejects use', async () => {
  const gpu = await testGpu();
  const decoder = new Decoder(gpu, tinyGPT());
  await collect(generate(decoder, prompt, { maxTokens: 2 }));
  const memory: Parameter[] = [];
  await decoder.profile(async ({ plan }) => void memory.push(...plan.updates.map(({ parameter }) => parameter)));
  const caches = [...new Set(memory)].filter(({ name }) => name.startsWith('cache'));
  expect(caches).toHaveLength(4);
  await caches[0].read();
  decoder.dispose();
  expect(() => decoder.decode([prompt])).toThrow('disposed');
  await expect((async () => caches[0].read())()).rejects.toThrow('discarded');
});

test('the error for an invalid setting has the valid range', async () => {
  const decoder = new Decoder(new CpuDevice(), tinyGPT());
  const refused = (options: Parameters<typeof generate>[2]) => expect(() => generate(decoder, prompt, options));
  refused({ temperature: -1 }).toThrow('temperature must be at least 0, but is -1');
  refused({ topK: 0 }).toThrow('topK must be an integer of at least 1');
  refused({ topP: 0 }).toThrow('topP must be above 0');
  refused({ minP: 2 }).toThrow('minP must be from 0 to 1');
  refused({ repetitionPenalty: 0 }).toThrow('repetitionPenalty must be above 0');
  refused({ maxTokens: NaN }).toThrow('maxTokens');
  expect(() => generate(decoder, new Int32Array())).toThrow('the prompt is empty');
  expect(() => decoder.decode([prompt, prompt])).toThrow('needs 1 prompts of equal length, but got lengths 9, 9');
  await expect(collect(generate(decoder, Int32Array.of(VOCABULARY)))).rejects.toThrow(
    'no token 13; the vocabulary has 13',
  );
  expect(() => new Decoder(new CpuDevice(), tinyGPT(), { maxLength: 99 })).toThrow('maxLength must be from 2 to 24');
  const running = generate(decoder, prompt, { maxTokens: 3 });
  await running.next();
  await expect(generate(decoder, prompt).next()).rejects.toThrow('decoding another text');
  await running.return();
  expect(await collect(generate(decoder, prompt, { maxTokens: 1 }))).toHaveLength(1);
});
