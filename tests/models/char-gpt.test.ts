// GPT-2 against PyTorch: logits and every gradient; cached decoding.

import { describe, expect, test } from 'vitest';
import { GPT2, type GPT2Config } from '../../models/transformer/char-gpt/model.ts';
import { compile, crossEntropy, reshape, Scalar, spec } from '../../src/node.ts';
import { below, computeModel, modelCase, modelProblems, pick, testDevices } from '../harness/model-fixture.ts';

/** At least three times the worst measured error. */
const tolerance = { absolute: 1e-6, relative: 1e-6 };

const { config, stored } = modelCase('gpt2', 'tiny');
function make(): GPT2 {
  const model = new GPT2(config as unknown as GPT2Config);
  model.loadStateDict(below(stored, 'params/'));
  return model;
}

describe.each(['cpu', 'gpu'] as const)('on the %s', (kind) => {
  test('matches PyTorch', async () => {
    const model = make();
    const found = await computeModel(
      await testDevices[kind](),
      model,
      pick(stored, ['ids', 'next']),
      ({ ids, next }) => {
        const logits = model.forward(ids);
        return { logits, loss: crossEntropy(reshape(logits, [14, 11]), reshape(next, [14])) };
      },
    );
    expect(modelProblems(`gpt2 ${kind}`, found, stored, tolerance)).toEqual([]);
    expect(Object.keys(found).filter((name) => name.startsWith('grad/'))).toHaveLength(model.parameters().length);
  });

  test('prefill and cached decoding give the logits of a full forward pass', async () => {
    const [model, device] = [make(), await testDevices[kind]()];
    const memory = model.memory(2);
    const position = new Scalar('position', 0, 'i32');
    const step = (length: number) =>
      compile(device, ({ ids }) => model.forward(ids, { memory, position }), { ids: spec([2, length], 'i32') });
    const [prefill, decode] = [await step(4), await step(1)];
    const columns = (from: number, to: number) =>
      Int32Array.from([0, 7].flatMap((row) => [...stored.ids.data.subarray(row + from, row + to)]));
    const scores = [await prefill.run({ ids: columns(0, 4) })];
    for (position.value = 4; position.value < 7; position.value++) {
      scores.push(await decode.run({ ids: columns(position.value, position.value + 1) }));
    }
    const whole = stored.logits.data;
    let place = 0;
    for (const { data, shape } of scores) {
      const [, length] = shape;
      for (let row = 0; row < 2; row++) {
        const found = data.slice(row * length * 11, (row + 1) * length * 11);
        found.forEach((value, i) => expect(value).toBeCloseTo(whole[(row * 7 + place) * 11 + i], 5));
      }
      place += length;
    }
  });
});
