// CharRNN against PyTorch: scores, the state to go on from, and every gradient, of each kind of cell.

import { describe, expect, test } from 'vitest';
import { CharRNN, type CharRNNConfig } from '../../models/rnn/char-lstm/model.ts';
import { CpuDevice, crossEntropy, reshape, type Tensor } from '../../src/node.ts';
import { below, computeModel, modelCase, modelProblems, pick, testDevices } from '../harness/model-fixture.ts';

/** At least three times the worst seen. */
const tolerance = { absolute: 5e-7, relative: 5e-7 };

describe.each(['rnn', 'gru', 'lstm'] as const)('%s', (kind) => {
  const { config, stored } = modelCase('charRNN', kind);
  const make = () => {
    const model = new CharRNN(config as unknown as CharRNNConfig);
    model.loadStateDict(below(stored, 'params/'));
    return model;
  };
  const state = kind === 'lstm' ? ['hidden', 'cell'] : ['hidden'];
  const ends = (found: { hidden: Tensor; cell?: Tensor }) => ({
    endHidden: found.hidden,
    ...(found.cell && { endCell: found.cell }),
  });

  test.each(['cpu', 'gpu'] as const)('computes on the %s what PyTorch computes', async (device) => {
    const model = make();
    const found = await computeModel(
      await testDevices[device](),
      model,
      pick(stored, ['ids', 'next', ...state]),
      ({ ids, next, hidden, cell }) => {
        const result = model.forward(ids, { hidden, cell });
        const loss = crossEntropy(reshape(result.logits, [14, 11]), reshape(next, [14]));
        return { logits: result.logits, ...ends(result.state), loss };
      },
    );
    expect(modelProblems(`charRNN ${device}`, found, stored, tolerance)).toEqual([]);
    expect(Object.keys(found).filter((name) => name.startsWith('grad/'))).toHaveLength(make().parameters().length);
  });

  test('goes on from a state as if the text had not been cut', async () => {
    const model = make();
    const ids = stored.ids.data;
    const part = (from: number, to: number) => ({
      shape: [2, to - from],
      dtype: 'i32' as const,
      data: Int32Array.from([...ids.slice(from, to), ...ids.slice(7 + from, 7 + to)]),
    });
    const run = (inputs: Parameters<typeof computeModel>[2]) =>
      computeModel(new CpuDevice(), model, inputs, ({ ids: some, hidden, cell }) => {
        const result = model.forward(some, { hidden, cell });
        return { logits: result.logits, ...result.state } as Record<string, Tensor>;
      });
    const first = await run({ ids: part(0, 4), ...pick(stored, state) });
    const rest = await run({ ids: part(4, 7), ...pick(first, state) });
    const rows = (data: ArrayLike<number>, length: number) => Array.from({ length: 2 }, (_, row) =>
      Array.from(data).slice(row * length * 11, (row + 1) * length * 11)); // prettier-ignore
    const [a, b, whole] = [rows(first.logits.data, 4), rows(rest.logits.data, 3), rows(stored.logits.data, 7)];
    whole.forEach((row, i) => [...a[i], ...b[i]].forEach((value, j) => expect(value).toBeCloseTo(row[j], 5)));
  });
});
