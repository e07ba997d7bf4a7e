// CharRNN against PyTorch for each kind of cell: logits, the final state, and every gradient.

import { describe, expect, test } from 'vitest';
import { CharRNN, type CharRNNConfig } from '../../models/rnn/char-lstm/model.ts';
import { latest } from '../../src/core/trace.ts';
import { compile, CpuDevice, crossEntropy, full, reshape, Scalar, spec, type Tensor } from '../../src/node.ts';
import { below, computeModel, modelCase, modelProblems, pick, testDevices } from '../harness/model-fixture.ts';

/** At least three times the worst measured error. */
const tolerance = { absolute: 5e-7, relative: 5e-7 };

describe.each(['rnn', 'gru', 'lstm'] as const)('%s', (kind) => {
  const { config, stored } = modelCase('charRNN', kind);
  const make = () => {
    const model = new CharRNN(config as unknown as CharRNNConfig);
    model.loadStateDict(below(stored, 'params/'));
    return model;
  };
  const state = kind === 'lstm' ? ['hidden', 'cell'] : ['hidden'];
  /** A memory with the stored initial state, and options to continue from it. */
  const begun = (model: CharRNN) => {
    const memory = model.memory(2);
    for (const name of state) memory[name as 'hidden' | 'cell'].write(stored[name]);
    return { memory, position: full([], 1, { dtype: 'i32' }) };
  };

  test.each(['cpu', 'gpu'] as const)('matches PyTorch on the %s', async (device) => {
    const model = make();
    const found = await computeModel(
      await testDevices[device](),
      model,
      pick(stored, ['ids', 'next']),
      ({ ids, next }) => {
        const options = begun(model);
        const logits = model.forward(ids, options);
        const loss = crossEntropy(reshape(logits, [14, 11]), reshape(next, [14]));
        const [endHidden, endCell] = [latest(options.memory.hidden), latest(options.memory.cell)];
        return { logits, endHidden, ...(kind === 'lstm' && { endCell }), loss };
      },
    );
    expect(modelProblems(`charRNN ${device}`, found, stored, tolerance)).toEqual([]);
    expect(Object.keys(found).filter((name) => name.startsWith('grad/'))).toHaveLength(make().parameters().length);
  });

  test('continues from its memory exactly, and resets at position 0', async () => {
    const [model, device] = [make(), new CpuDevice()];
    const { memory } = begun(model);
    const position = new Scalar('position', 1, 'i32');
    const ids = stored.ids.data;
    const part = async (from: number, to: number) => {
      const fn = ({ some }: { some: Tensor }) => model.forward(some, { memory, position });
      using program = await compile(device, fn, { some: spec([2, to - from], 'i32') });
      const some = Int32Array.from([...ids.slice(from, to), ...ids.slice(7 + from, 7 + to)]);
      const { data } = await program.run({ some });
      return [0, 1].map((row) => [...data].slice((row * data.length) / 2, ((row + 1) * data.length) / 2));
    };
    const whole = [0, 1].map((row) => [...stored.logits.data].slice(row * 77, (row + 1) * 77));
    const cut = [await part(0, 4), await part(4, 7)];
    whole.forEach((row, i) => [...cut[0][i], ...cut[1][i]].forEach((value, j) => expect(value).toBeCloseTo(row[j], 5)));
    position.value = 0;
    const [first, again] = [await part(0, 4), await part(0, 4)];
    expect(again).toEqual(first);
    expect(first).not.toEqual(cut[0]);
  });
});
