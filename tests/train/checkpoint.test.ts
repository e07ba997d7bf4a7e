// Checkpoints: all state by name in one file, including state carried between steps, and helpful errors.

import { expect, test } from 'vitest';
import {
  Adam, AdamW, add, assign, Buffer, crossEntropy, decodeCheckpoint, isCheckpoint, Linear, mean, Module, mul, openDevice, readSafetensors, spec, square,
  Trainer, writeSafetensors, type Tensor, type TrainerOptions,
} from '../../src/node.ts'; // prettier-ignore
import { losses, tinyBatches, tinyModel, tinyRun } from './tiny.ts';

const settings = { model: 'tiny', seed: 7, layers: [1, 2], augment: null };

test('has tensors under the names of the state, and the rest as metadata', async () => {
  const { trainer } = await tinyRun('cpu', { settings });
  await losses(trainer, 2);
  const bytes = await trainer.checkpoint();
  const { tensors, metadata } = readSafetensors(bytes);
  expect([...tensors.keys()]).toEqual(
    expect.arrayContaining(['model.hidden.weight', 'optimizer.step.mean.0', 'random.seed', 'random.run']),
  );
  expect(isCheckpoint(metadata)).toBe(true);
  expect(isCheckpoint({})).toBe(false);
  const { step, optimizers, settings: kept } = decodeCheckpoint(bytes);
  expect([step, kept]).toEqual([2, settings]);
  expect(optimizers.step.hyperparameters).toEqual({
    learningRate: trainer.optimizer.learningRate.value,
    weightDecay: 0.01,
  });
});

test('restores every hyperparameter, and settings changed during the run', async () => {
  const [first, second] = [await tinyRun('cpu', { settings }), await tinyRun('cpu')];
  first.trainer.optimizer.weightDecay.value = 0.3;
  first.trainer.settings = { ...settings, seed: 8 };
  const bytes = await first.trainer.checkpoint();
  second.trainer.restore(bytes);
  expect(second.trainer.optimizer.weightDecay.value).toBe(0.3);
  expect(decodeCheckpoint(bytes).settings).toMatchObject({ seed: 8 });
  expect(await losses(second.trainer, 3)).toEqual(await losses(first.trainer, 3));
});

/** A module whose output depends on all inputs so far through a non-persistent buffer. */
class Recurrent extends Module {
  readonly layer = new Linear(8, 8);
  readonly last = Buffer.zeros(spec([6, 8]), { persistent: false });
  readonly mask = new Buffer({ shape: [8], dtype: 'f32', data: new Float32Array(8).fill(0.5) }, { persistent: false });

  forward(x: Tensor): Tensor {
    const next = add(this.layer.forward(x), mul(this.last, this.mask));
    assign(this.last, next);
    return next;
  }
}

test('non-persistent buffers are in checkpoints only if a step changes them', async () => {
  const model = new Recurrent();
  const fresh = await model.stateDict();
  const run = (of: Recurrent) =>
    Trainer.create({
      state: { model: of },
      data: tinyBatches(),
      optimizer: new Adam(of.parameters()),
      task: ({ x }) => ({ loss: mean(square(of.forward(x))) }),
      openDevice: () => openDevice('cpu'),
    });
  const trainer = await run(model);
  await losses(trainer, 3);
  const bytes = await trainer.checkpoint();
  const checkpoint = decodeCheckpoint(bytes);
  expect([...checkpoint.carried.model.keys()]).toEqual(['last']);
  // Named like the model's weights.
  expect([...checkpoint.state.model.keys()].toSorted()).toEqual([...fresh.keys()].toSorted());
  const other = await run(new Recurrent());
  await losses(other, 1);
  other.restore(bytes);
  expect(await losses(other, 3)).toEqual(await losses(trainer, 3));
});

test('checkpoints of a single phase named step and of a run without phases are compatible', async () => {
  const [whole, second] = [await tinyRun('cpu'), await tinyRun('cpu')];
  const model = tinyModel();
  const named = await Trainer.create({
    state: { model },
    data: tinyBatches(),
    phases: {
      step: {
        optimizer: new AdamW(model.parameters(), { learningRate: 0.02 }),
        task: ({ x, label }) => ({ loss: crossEntropy(model.forward(x), label) }),
      },
    },
    openDevice: () => openDevice('cpu'),
    seed: 5,
  });
  whole.trainer.optimizer.learningRate.value = 0.02;
  for (let step = 0; step < 2; step++) {
    expect((await named.step()).phases.step.loss).toBe((await whole.trainer.step()).loss);
  }
  second.trainer.restore(await named.checkpoint());
  expect((await second.trainer.step()).loss).toBe((await whole.trainer.step()).loss);
});

test('the state may contain custom objects', async () => {
  const make = async () => {
    const position = Buffer.zeros(spec([], 'i32'));
    const own = await tinyRun('cpu');
    const state: TrainerOptions['state'] = {
      model: own.model,
      reader: { state: () => new Map([['position', position]]) },
    };
    return { position, ...(await tinyRun('cpu', { state }, own.model)) };
  };
  const [first, second] = [await make(), await make()];
  first.position.write({ shape: [], dtype: 'i32', data: Int32Array.of(42) });
  second.trainer.restore(await first.trainer.checkpoint());
  expect([...(await second.position.read()).data]).toEqual([42]);
});

test('another format version, a truncated file and plain weights have distinct errors', async () => {
  const { trainer } = await tinyRun('cpu');
  const bytes = await trainer.checkpoint();
  const { tensors, metadata } = readSafetensors(bytes);
  const older = writeSafetensors(tensors, { ...metadata, format: 'five-tigers checkpoint 1' });
  expect(() => trainer.restore(older)).toThrow(
    'has the format "five-tigers checkpoint 1", but this version reads "five-tigers checkpoint 2"',
  );
  expect(() => trainer.restore(bytes.subarray(0, bytes.length - 10))).toThrow(/truncated/);
  expect(() => trainer.restore(writeSafetensors(tensors))).toThrow('is not a training checkpoint');
});

test('missing, unexpected and mistyped values are named, and nothing is changed', async () => {
  const { trainer, model } = await tinyRun('cpu');
  await losses(trainer, 1);
  const { tensors, metadata } = readSafetensors(await trainer.checkpoint());
  const before = await model.stateDict();
  const changed = (change: (values: typeof tensors) => void) => {
    const values = new Map(tensors);
    change(values);
    return writeSafetensors(values, metadata);
  };
  const half = { shape: [4], dtype: 'f16', data: new Uint16Array(4) } as const;
  expect(() => trainer.restore(changed((values) => values.delete('model.output.bias')))).toThrow(
    'missing (1): output.bias',
  );
  expect(() => trainer.restore(changed((values) => values.set('model.output.bias', half)))).toThrow(
    'wrong dtype (1): output.bias (is f16, needs f32)',
  );
  expect(() => trainer.restore(changed((values) => values.delete('optimizer.step.mean.0')))).toThrow(
    /the AdamW of step[^]*missing \(1\): mean\.0/,
  );
  expect(() => trainer.restore(changed((values) => values.delete('random.seed')))).toThrow('missing (1): seed');
  expect(await model.stateDict()).toEqual(before);
  expect(trainer.stepsDone).toBe(1);
});
