// Module: names and order of parameters, state that goes out and comes back, and errors that tell all at once.

import { beforeEach, describe, expect, test } from 'vitest';
import {
  Conv2d, Dropout, filledParameter, Linear, manualSeed, Module, Parameter, StateDictError, type Tensor, type TensorData,
} from '../../src/node.ts'; // prettier-ignore

class Block extends Module {
  readonly scale = filledParameter('scale', [2], 1.5);
  readonly nothing: Linear | null = null;
  readonly layers = [new Linear(3, 2), new Linear(2, 2, { bias: false })];
  readonly nested = [[new Dropout(0.5), new Linear(1, 1)]];

  forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }
}

class Model extends Module {
  readonly stem = new Conv2d(1, 2, 3);
  readonly block = new Block();
  readonly free = [filledParameter('free', [1], 0)];
  readonly tied = this.stem.weight;
  readonly count = Parameter.zeros('count', { shape: [], dtype: 'u32' });

  forward(x: Tensor): Tensor {
    return this.block.forward(this.stem.forward(x));
  }
}

const names = [
  'stem.weight', 'stem.bias', 'block.scale', 'block.layers.0.weight', 'block.layers.0.bias', 'block.layers.1.weight',
  'block.nested.0.1.weight', 'block.nested.0.1.bias', 'free.0', 'tied', 'count',
]; // prettier-ignore

beforeEach(() => manualSeed(1));

test('parameters are named by their path, in the order of the properties, arrays by number', () => {
  const model = new Model();
  const found = model.namedParameters();
  expect([...found.keys()]).toEqual(names);
  expect(found.get('block.layers.1.weight')).toBe(model.block.layers[1].weight);
  expect([...model.block.namedParameters('x.').keys()]).toContain('x.layers.0.bias');
});

test('an optimizer gets each trainable parameter once', () => {
  const model = new Model();
  const found = model.parameters();
  expect(found).toEqual([...new Set(found)]);
  expect(found).toHaveLength(names.length - 2);
  expect(found).toContain(model.stem.weight);
  expect(found).not.toContain(model.count);
});

describe('state', () => {
  test('goes from one model to another and back, as copies', async () => {
    const source = new Model();
    const state = await source.stateDict();
    expect([...state.keys()]).toEqual(names);
    const target = new Model();
    expect(await target.stateDict()).not.toEqual(state);
    target.loadStateDict(state);
    expect(await target.stateDict()).toEqual(state);

    const before = structuredClone(state);
    state.get('stem.bias')!.data.fill(7);
    expect(await source.stateDict()).toEqual(before);
    expect(await target.stateDict()).toEqual(before);
  });

  test('that does not fit is refused with all that is wrong, and nothing changes', async () => {
    const model = new Model();
    const before = await model.stateDict();
    const wrong = new Map<string, TensorData>([...before].map(([name, value]) => [name, { ...value, data: value.data.map((x) => x + 1) }])); // prettier-ignore
    wrong.delete('stem.bias');
    wrong.delete('block.layers.0.bias');
    wrong.set('head.weight', before.get('free.0')!);
    wrong.set('stem.weight', { shape: [2, 1, 9], dtype: 'f32', data: new Float32Array(18) });
    wrong.set('count', { shape: [], dtype: 'i32', data: new Int32Array(1) });
    let error: unknown;
    try {
      model.loadStateDict(wrong);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(StateDictError);
    const [weight, count] = ['stem.weight (is f32[2, 1, 9], needs f32[2, 1, 3, 3])', 'count (is i32[], needs u32[])'];
    expect(error).toMatchObject({
      missing: ['stem.bias', 'block.layers.0.bias'],
      unexpected: ['head.weight'],
      misshapen: [weight, count],
      message:
        'These weights are not for Model:\n  missing: stem.bias, block.layers.0.bias\n' +
        `  unexpected: head.weight\n  other shape or type: ${weight}, ${count}`,
    });
    expect(await model.stateDict()).toEqual(before);
  });
});

test('train and eval reach every module below, also in arrays of arrays', () => {
  const model = new Model();
  const { block } = model;
  const all = [model, model.stem, block, ...block.layers, ...block.nested.flat()];
  const training = () => all.map((module) => module.training);
  expect(training()).toEqual(all.map(() => true));
  expect(model.eval()).toBe(model);
  expect(training()).toEqual(all.map(() => false));
  block.train();
  expect([model.training, block.training, block.layers[1].training]).toEqual([false, true, true]);
  expect(model.train()).toBe(model);
  expect(training()).toEqual(all.map(() => true));
});
