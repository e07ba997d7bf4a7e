// Module: names and order of parameters, saving and loading state, and errors that list every problem.

import { beforeEach, describe, expect, test } from 'vitest';
import {
  BatchNorm1d, Buffer, Conv2d, Dropout, filledParameter, Input, Linear, manualSeed, Module, Parameter, Sequential, spec,
  WeightsError, type Layer, type Tensor, type TensorData,
} from '../../src/node.ts'; // prettier-ignore

class Block extends Module {
  readonly scale = filledParameter([2], 1.5);
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
  readonly free = [filledParameter([1], 0)];
  readonly tied = this.stem.weight;
  readonly count = Buffer.zeros({ shape: [], dtype: 'u32' }, { name: 'count' });

  forward(x: Tensor): Tensor {
    return this.block.forward(this.stem.forward(x));
  }
}

const names = [
  'stem.weight', 'stem.bias', 'block.scale', 'block.layers.0.weight', 'block.layers.0.bias', 'block.layers.1.weight',
  'block.nested.0.1.weight', 'block.nested.0.1.bias', 'free.0', 'tied', 'count',
]; // prettier-ignore

beforeEach(() => manualSeed(1));

test('parameters are named by path, in property order, with array indices', () => {
  const model = new Model();
  const found = model.state();
  expect([...found.keys()]).toEqual(names);
  expect([...model.namedParameters().keys()]).toEqual(names.slice(0, -1));
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
  test('is copied from one model to another and back', async () => {
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

  test('that does not match is an error that lists every mismatch, and nothing changes', async () => {
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
    expect(error).toBeInstanceOf(WeightsError);
    expect(error).toMatchObject({
      missing: ['stem.bias', 'block.layers.0.bias'],
      unexpected: ['head.weight'],
      shapes: ['stem.weight'],
      dtypes: ['count'],
      message:
        'These weights are not for Model; nothing was changed:\n  missing (2): stem.bias, block.layers.0.bias\n' +
        '  unexpected (1): head.weight\n  wrong shape (1): stem.weight (is [2, 1, 9], needs [2, 1, 3, 3])\n' +
        '  wrong dtype (1): count (is i32, needs u32)\n' +
        '  → These may be weights of another model, or of another config of it.\n' +
        '  → Where shapes differ, build the model with the config that the weights were trained with.',
    });
    expect(await model.stateDict()).toEqual(before);
  });

  test('the error for another config names its fields; that for another model has the first names', async () => {
    class Sized extends Module {
      readonly config: { readonly layers: number; readonly width: number };
      readonly blocks: Linear[];
      constructor(layers: number, width: number) {
        super();
        this.config = { layers, width };
        this.blocks = Array.from({ length: layers }, () => new Linear(width, width));
      }
      override forward(): void {}
    }
    const small = new Sized(2, 3);
    const other = await new Sized(4, 5).stateDict();
    expect(() => small.loadStateDict(other)).toThrow(
      '→ A different config: layers 4 in the state dict, 2 in the model; width 5 in the state dict, 3 in the model.',
    );
    expect(() => small.loadStateDict(new Map())).toThrow('→ The state dict has no weights of this model.');
    const names = new Map([['head.scale', other.get('blocks.0.bias')!]]);
    expect(() => small.loadStateDict(names)).toThrow(
      '→ A different model: no name matches. The state dict starts with head.scale; the model with blocks.0.weight, blocks.0.bias, blocks.1.weight.',
    );
  });
});

describe('tolerated differences in a file', () => {
  const copy = async (model: Module) => new Map(await model.stateDict());

  test('a tied parameter needs one of its names; different values under its names are an error', async () => {
    const [model, source] = [new Model(), new Model()];
    const state = await copy(source);
    state.delete('stem.weight');
    model.loadStateDict(state);
    expect((await model.stem.weight.read()).data).toEqual(state.get('tied')!.data);
    state.set('stem.weight', { ...state.get('tied')!, data: new Float32Array(18) });
    expect(() => model.loadStateDict(state)).toThrow(
      'tied in the model, but different values (1): stem.weight and tied',
    );
  });

  test('a batch counter may be missing, running statistics may not', async () => {
    const layer = new BatchNorm1d(2);
    const state = await copy(layer);
    state.delete('num_batches_tracked');
    layer.loadStateDict(state);
    state.delete('running_mean');
    expect(() => layer.loadStateDict(state)).toThrow('missing (1): running_mean');
  });

  test('f16 values are converted', async () => {
    const model = new Block();
    const state = await copy(model);
    state.set('scale', { shape: [2], dtype: 'f16', data: Uint16Array.of(0x3c00, 0xc000) });
    model.loadStateDict(state);
    expect((await model.scale.read()).data).toEqual(Float32Array.of(1, -2));
  });

  test('the error suggests a fix', async () => {
    const [block, state] = [new Block(), await new Block().stateDict()];
    const prefixed = new Map([...state].map(([name, value]) => [`model.${name}`, value]));
    expect(() => block.loadStateDict(prefixed)).toThrow('prefix "model.": drop it from those of the state dict');
    const model = new (class extends Module {
      readonly block = block;
      forward() {}
    })();
    expect(() => model.loadStateDict(state)).toThrow('prefix "block.": put it before those of the state dict');
    const resized = new Map(state).set('scale', { shape: [3], dtype: 'f32', data: new Float32Array(3) });
    expect(() => block.loadStateDict(resized)).toThrow('build the model with the config that the weights');
    const part = new Map([...state].slice(1));
    expect(() => block.loadStateDict(part)).toThrow('The state dict is incomplete, or the model has more layers.');
  });
});

describe('parameters are found', () => {
  class Holder extends Module {
    readonly inside: unknown;
    constructor(inside: unknown) {
      super();
      this.inside = inside;
    }
    forward() {}
  }
  const keys = (value: unknown) => [...new Holder(value).namedParameters().keys()];

  test('in plain objects and Maps with string keys, at any depth', () => {
    const linear = () => new Linear(1, 1, { bias: false });
    expect(keys({ a: [linear()], b: new Map([['c', { d: linear() }]]) })).toEqual([
      'inside.a.0.weight',
      'inside.b.c.d.weight',
    ]);
    const parent: Record<string, unknown> = { child: linear() };
    parent.self = parent;
    expect(keys(parent)).toEqual(['inside.child.weight']);
  });

  test('not in Sets or under invalid keys, where they are an error; other values there are not', () => {
    const parameter = filledParameter([1], 0);
    expect(() => keys(new Set([[parameter]]))).toThrow(
      'Holder: inside is a Set, so the parameters in it have no names',
    );
    expect(() => keys(new Map([[1, parameter]]))).toThrow('inside is a Map with keys other than strings');
    expect(() => keys(new Map([[parameter, 'a']]))).toThrow('inside is a Map with keys other than strings');
    expect(() => keys({ 'a.b': parameter, a: { b: filledParameter([1], 0) } })).toThrow('two parameters are named inside.a.b'); // prettier-ignore
    expect(keys(new Set(['relu', { size: 3 }]))).toEqual([]);
  });

  test('by their path in the outermost module that listed them, or by their own name', () => {
    const model = new Model();
    expect(model.stem.weight.name).toBe('unnamed');
    model.block.namedParameters();
    expect(model.block.scale.name).toBe('scale');
    model.parameters();
    expect([model.block.scale.name, model.tied.name]).toEqual(['block.scale', 'stem.weight']);
    model.block.namedParameters();
    expect(model.block.scale.name).toBe('block.scale');
    expect(model.count.name).toBe('count');
    const own = new Parameter({ shape: [], dtype: 'f32', data: new Float32Array(1) }, { name: 'gain' });
    keys(own);
    expect(own.name).toBe('gain');
  });
});

test('buffers are not parameters, and only persistent ones are in files', async () => {
  class Cached extends Module {
    readonly weight = filledParameter([1], 0);
    readonly seen = Buffer.zeros({ shape: [], dtype: 'i32' });
    readonly cache = Buffer.zeros({ shape: [2], dtype: 'f32' }, { persistent: false });
    forward() {}
  }
  const model = new Cached();
  expect([...model.namedParameters().keys()]).toEqual(['weight']);
  expect([...model.namedBuffers().keys()]).toEqual(['seen', 'cache']);
  expect([...(await model.stateDict()).keys()]).toEqual(['weight', 'seen']);
  expect(() => new Parameter({ shape: [], dtype: 'i32', data: new Int32Array(1) })).toThrow('use a Buffer for i32');
});

test('initial values are drawn on first read, and never if values are written first', async () => {
  let draws = 0;
  const draw = () => Float32Array.of(++draws);
  const [read, loaded] = [0, 1].map(() => new Parameter({ shape: [1], dtype: 'f32', draw }));
  loaded.write({ shape: [1], dtype: 'f32', data: Float32Array.of(7) });
  expect([...(await loaded.read()).data]).toEqual([7]);
  expect(draws).toBe(0);
  expect([...(await read.read()).data, ...(await read.read()).data]).toEqual([1, 1]);
});

test('initial values do not depend on the order in which parameters are read', async () => {
  const make = () => (manualSeed(4), [new Linear(2, 2).weight, new Linear(2, 2).weight]);
  const [[, alone], [first, second]] = [make(), make()];
  const [a, b] = [await first.read(), await second.read()];
  expect((await alone.read()).data).toEqual(b.data);
  expect(a.data).not.toEqual(b.data);
});

test('forward may have any signature, and Sequential accepts layers', () => {
  class Decoder extends Module {
    readonly projection = new Linear(2, 2);
    forward(ids: Tensor, { position, causal = true }: { position?: Tensor; causal?: boolean } = {}) {
      return { logits: this.projection.forward(ids), position, causal };
    }
  }
  const x = new Input('x', spec([1, 2]));
  expect(new Decoder().forward(x, { causal: false })).toMatchObject({ causal: false, logits: { shape: [1, 2] } });
  const layer: Layer = new Sequential(new Linear(2, 3));
  expect(layer.forward(x).shape).toEqual([1, 3]);
});
