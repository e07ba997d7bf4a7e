// exportOnnx(): the file's content, open batch sizes and lengths, state, separate weights, and errors.

import { Buffer as Bytes } from 'node:buffer';
import { onnx } from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { TensorData, TypedArray } from '../../src/core/dtype.ts';
import { Buffer, Parameter } from '../../src/core/parameter.ts';
import { RandomSource } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { Scalar, spec, type Tensor, type TensorSpec } from '../../src/core/tensor.ts';
import { assign } from '../../src/core/trace.ts';
import {
  add, arange, concat, dropout, embedding, linspace, lstm, matmul, mean, mul, permute, reshape, rotary, scaledDotProductAttention, split, sub, sum, tanh, transpose, updateSlice, where,
} from '../../src/ops/index.ts'; // prettier-ignore
import {
  BatchNorm2d, compile, Conv2d, ConvTranspose2d, type Device, exportOnnx, GRU, GroupNorm, Linear, LSTM, MaxPool2d, type OnnxOptions,
  ReLU, RNN, Sequential, TransformerEncoderLayer,
} from '../../src/index.ts'; // prettier-ignore
import { GPT2, gpt2Configs } from '../../models/transformer/char-gpt/model.ts';
import { deviation } from '../../src/verify/compare.ts';
import { units } from '../../src/verify/tolerances.ts';
import { problemsOf } from '../harness/onnx-check.ts';
import { joined, runOnnx } from '../harness/onnx.ts';

type Inputs = Readonly<Record<string, Tensor>>;
type Fn = (inputs: Inputs) => Tensor | Readonly<Record<string, Tensor>>;
type Specs = Readonly<Record<string, TensorSpec>>;

/** Values between -1 and 1, or integers below `most`. */
function valuesFor(specs: Specs, most = 5): Record<string, TensorData> {
  const random = new RandomSource(7);
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, dtype }]) => {
      const size = sizeOf(shape);
      const data =
        dtype === 'f32'
          ? Float32Array.from({ length: size }, () => random.uniform(-1, 1))
          : Int32Array.from({ length: size }, () => random.integer(most));
      return [name, { shape, dtype, data }];
    }),
  );
}

async function onCpu(fn: Fn, values: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
  const named: Fn = (inputs) => {
    const result = fn(inputs);
    return 'dtype' in result && typeof result.dtype === 'string' ? { output: result as Tensor } : result;
  };
  using program = await compile(new CpuDevice() as Device, named as (inputs: Inputs) => Record<string, Tensor>, values);
  const data = Object.entries(values).map(([name, value]): [string, TypedArray] => [name, value.data]);
  return program.run(Object.fromEntries(data));
}

/** Exports `fn` and compares ONNX Runtime with the CPU reference for several specs. */
async function compare(fn: Fn, all: readonly Specs[], options: OnnxOptions = {}, tolerance = 64) {
  const model = await exportOnnx(fn as (inputs: Inputs) => Record<string, Tensor>, all[0], options);
  expect(problemsOf(model)).toEqual([]);
  const values = all.map((specs) => valuesFor(specs));
  const actual = await runOnnx(model, values);
  for (const [i, own] of values.entries()) {
    for (const [name, expected] of Object.entries(await onCpu(fn, own))) {
      expect([i, name, deviation(actual[i][name], expected, units(tolerance)).problem]).toEqual([i, name, null]);
    }
  }
  return model;
}

const decoded = (bytes: Uint8Array) => onnx.ModelProto.decode(bytes);

describe('the file', () => {
  const model = new Sequential(new Linear(4, 3), new ReLU(), new Linear(3, 2));

  test('has the names of parameters, inputs and outputs, and the metadata', async () => {
    const options = { model, name: 'small', version: '1.2.3', metadata: { config: 'tiny' } };
    const exported = await compare(({ x }) => ({ logits: model.forward(x) }), [{ x: spec([2, 4]) }], options);
    const { graph, metadataProps, producerName, producerVersion } = decoded(exported.model);
    expect([producerName, producerVersion, graph!.name]).toEqual(['five-tigers', '1.2.3', 'small']);
    expect(metadataProps!.map(({ key, value }) => [key, value])).toEqual([['config', 'tiny']]);
    expect(graph!.initializer!.map(({ name }) => name)).toEqual(
      expect.arrayContaining([...model.namedParameters().keys()]),
    );
    expect(exported.inputs).toEqual([{ name: 'x', dtype: 'f32', shape: [2, 4] }]);
    expect(exported.outputs).toEqual([{ name: 'logits', dtype: 'f32', shape: [2, 2] }]);
  });

  test('has the current values of parameters', async () => {
    const weight = new Parameter({ shape: [2], dtype: 'f32', data: Float32Array.of(1, 2) }, { name: 'w' });
    weight.write({ shape: [2], dtype: 'f32', data: Float32Array.of(5, 6) });
    const exported = await exportOnnx(({ x }) => mul(x, weight), { x: spec([2]) });
    const [{ output }] = await runOnnx(exported, [{ x: { shape: [2], dtype: 'f32', data: Float32Array.of(1, 1) } }]);
    expect([...output.data]).toEqual([5, 6]);
  });

  test('can return an input, and one tensor under two names', async () => {
    await compare(({ x }) => { const y = tanh(x); return { same: x, first: y, second: y }; }, [{ x: spec([3]) }]); // prettier-ignore
  });

  test('cannot have an input and an output with the same name', async () => {
    await expect(exportOnnx(({ x }) => ({ x: tanh(x) }), { x: spec([3]) })).rejects.toThrow('"x" names two');
  });

  test('puts weights above a limit into a separate file', async () => {
    const large = new Linear(64, 32);
    const options = { inlineLimit: 1000, externalName: 'weights.bin' };
    const exported = await compare(({ x }) => large.forward(x), [{ x: spec([2, 64]) }], options);
    expect(exported.externalData?.name).toBe('weights.bin');
    expect(exported.externalData!.size).toBeGreaterThanOrEqual(4 * 64 * 32);
    expect(exported.model.length).toBeLessThan(2000);
  });

  test('streams that file tensor by tensor, at the model’s offsets, reading each only when it is written', async () => {
    const layers = [new Linear(48, 40), new Linear(40, 30)];
    const table = new Parameter({ shape: [40], dtype: 'f32', data: Float32Array.from({ length: 40 }, Math.sqrt) }, { name: 'table' }); // prettier-ignore
    const mask = new Buffer({ shape: [1, 1100], dtype: 'bool', data: Uint32Array.from({ length: 1100 }, (_, i) => i % 3) }, { name: 'mask' }); // prettier-ignore
    const model = new Sequential(...layers);
    const weights = [layers[0].weight, layers[1].weight, mask];
    const reads: string[] = [];
    for (const one of [...model.parameters(), mask, table]) {
      const read = one.read.bind(one);
      one.read = () => (reads.push(one.name), read());
    }
    const fn: Fn = ({ x, y }) => ({
      product: layers[1].forward(add(layers[0].forward(x), table)),
      masked: where(mask, y, 0),
    });
    const specs = { x: spec([2, 48]), y: spec([1, 1100]) };
    const exported = await exportOnnx(fn as never, specs, { model, inlineLimit: 0 });
    const file = exported.externalData;
    expect(reads.toSorted()).toEqual(['0.bias', '1.bias', 'table']); // small tensors, which stay in the model
    const [sizes, lengths]: number[][] = [[7680, 4800, 1100], []];
    for await (const part of file!) {
      lengths.push(part.length);
      expect(reads.length - 3).toBe(lengths.filter((length) => sizes.includes(length)).length);
    }
    // With padding to multiples of 4096 between them.
    expect(lengths).toEqual([7680, 512, 4800, 3392, 1100]);

    const stored = new Map(onnx.ModelProto.decode(exported.model).graph!.initializer!.map((one) => [one.name, one]));
    const expected = new Uint8Array(file!.size);
    for (const one of weights) {
      const entries = stored.get(one.name)!.externalData!.map(({ key, value }) => [key, value]);
      const { location, offset, length } = Object.fromEntries(entries) as Record<string, string>;
      const { dtype, data } = await one.read();
      const bytes =
        dtype === 'bool' ? Uint8Array.from(data, (value) => Math.min(value, 1)) : new Uint8Array(data.buffer);
      expect([location, Number(offset) % 4096, Number(length)]).toEqual(['model.onnx.data', 0, bytes.length]);
      expected.set(bytes, Number(offset));
    }
    expect(Bytes.compare(await joined(file!), expected)).toBe(0);
  });
});

describe('dynamicBatch', () => {
  const images = (batch: number) => ({ x: spec([batch, 3, 8, 8]) });

  test('exports convolutions, pooling, norms and a flattened product', async () => {
    const layers = new Sequential(
      new Conv2d(3, 4, 3, { padding: 1 }),
      new BatchNorm2d(4),
      new ReLU(),
      new GroupNorm(2, 4),
      new MaxPool2d(2),
    );
    const [up, head] = [new ConvTranspose2d(4, 2, 2, { stride: 2 }), new Linear(128, 5)];
    const fn: Fn = ({ x }) => {
      const y = up.forward(layers.forward(x));
      return head.forward(reshape(y, [y.shape[0], 128]));
    };
    const model = await compare(fn, [images(2), images(1), images(7)], { dynamicBatch: true });
    expect(model.inputs[0].shape).toEqual(['batch', 3, 8, 8]);
    expect(model.outputs[0].shape).toEqual(['batch', 5]);
  });

  test('exports a transformer layer, with its batch on either axis', async () => {
    const first = new TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
    const table = new Parameter({ shape: [5, 8], dtype: 'f32', data: Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)) }, { name: 'table' }); // prettier-ignore
    const ids = (batch: number) => ({ ids: spec([batch, 6], 'i32') });
    const fn: Fn = (inputs) => first.forward(embedding(inputs.ids, table), { isCausal: true } as never);
    await compare(fn, [ids(2), ids(1), ids(4)], { dynamicBatch: true });
    const second = new TransformerEncoderLayer(8, 2, { dimFeedforward: 16 });
    const rows = (batch: number) => ({ x: spec([6, batch, 8]) });
    const model = await compare(({ x }) => second.forward(x), [rows(3), rows(1)], { openSizes: { x: { 1: 'batch' } } });
    expect(model.outputs[0].shape).toEqual([6, 'batch', 8]);
  });

  test.each(['rnn', 'gru', 'lstm'] as const)(
    'exports %s as one node per layer and direction, with states of batch size',
    async (kind) => {
      const options = { numLayers: 2, bidirectional: true, batchFirst: true };
      const network = { rnn: new RNN(3, 4, options), gru: new GRU(3, 4, options), lstm: new LSTM(3, 4, options) }[kind];
      const sequences = (batch: number) => ({ x: spec([batch, 5, 3]) });
      const fn: Fn = ({ x }) => ({ ...network.forward(x) }) as Readonly<Record<string, Tensor>>;
      const model = await compare(fn, [sequences(2), sequences(1), sequences(3)], { dynamicBatch: true });
      const counts = decoded(model.model).graph!.node!.filter(({ opType }) => opType === kind.toUpperCase());
      expect(counts).toHaveLength(4);
      expect(model.outputs[0].shape).toEqual(['batch', 5, 8]);
    },
  );

  test('exports computed sizes: multiples and products of the batch', async () => {
    const rows = (batch: number) => ({ x: spec([batch, 2, 3]) });
    const fn: Fn = ({ x }) => {
      const [batch] = x.shape;
      const flat = reshape(x, [2 * batch, 3]);
      return { pairs: concat([flat, flat]), outer: matmul(flat, transpose(flat)), folded: reshape(x, [batch, 3, 2]) };
    };
    const model = await compare(fn, [rows(2), rows(1), rows(4)], { dynamicBatch: true });
    expect(model.outputs.map(({ shape }) => shape)).toEqual([
      ['4*batch', 3],
      ['2*batch', '2*batch'],
      ['batch', 3, 2],
    ]);
  });

  const refused = async (fn: Fn, says: string) =>
    expect(
      exportOnnx(fn as (inputs: Inputs) => Record<string, Tensor>, { x: spec([2, 3]) }, { dynamicBatch: true }),
    ).rejects.toThrow(says);

  test('rejects, with the reason, a function that depends on the batch otherwise; a fixed batch works', async () => {
    const numbered: Fn = ({ x }) => add(x, reshape(linspace(0, 1, x.shape[0]), [x.shape[0], 1]));
    await refused(numbered, 'batch cannot stay open: a constant in reshape/Reshape has different values');
    await refused(({ x }) => (x.shape[0] > 2 ? tanh(x) : tanh(tanh(x))), 'nodes, but');
    await refused(({ x }) => { if (x.shape[0] % 2 === 1) throw new Error('only pairs'); return x; }, 'only pairs'); // prettier-ignore
    await refused(({ x }) => sum(mul(x, 1 / x.shape[0]), 0), 'a constant in');
    await compare(numbered, [{ x: spec([2, 3]) }]);
  });

  test('exports an arithmetic sequence as long as the batch', async () => {
    const rows = (batch: number) => ({ x: spec([batch, 3]) });
    const fn: Fn = ({ x }) =>
      add(x, reshape(arange(2 * x.shape[0] + 4, { start: 4, step: 2, dtype: 'f32' }), [x.shape[0], 1]));
    await compare(fn, [rows(2), rows(1), rows(6)], { dynamicBatch: true });
  });

  test('exports a mean over the batch', async () => {
    const rows = (batch: number) => ({ x: spec([batch, 3]) });
    await compare(({ x }) => sub(x, mean(x, 0, true)), [rows(2), rows(5)], { dynamicBatch: true });
  });

  test('rejects an axis that does not exist', async () => {
    await expect(exportOnnx(({ x }) => x, { x: spec([2]) }, { openSizes: { y: { 0: 'batch' } } })).rejects.toThrow(
      'axis 0 of "y"',
    );
  });
});

describe('open lengths', () => {
  const openSizes = { ids: { 0: 'batch', 1: 'length' } };
  const texts = (batch: number, length: number) => ({ ids: spec([batch, length], 'i32') });
  const all = [texts(2, 6), texts(1, 1), texts(3, 17)];
  const table = (rows: number) =>
    new Parameter({ shape: [rows, 8], dtype: 'f32', data: Float32Array.from({ length: 8 * rows }, (_, i) => Math.sin(i)) }, { name: `table${rows}` }); // prettier-ignore
  const [words, places] = [table(5), table(20)];

  test('export a causal transformer with positions, masks and rotary angles of any length', async () => {
    const [projection, head] = [new Linear(8, 24), new Linear(8, 5)];
    const fn: Fn = ({ ids }) => {
      const [batch, length] = ids.shape;
      const x = add(embedding(ids, words), embedding(arange(length), places));
      const qkv = reshape(projection.forward(x), [batch, length, 3, 2, 4]);
      const [q, k, v] = split(qkv, 1, 2).map((part) => permute(reshape(part, [batch, length, 2, 4]), [0, 2, 1, 3]));
      const y = scaledDotProductAttention(rotary(q), rotary(k), v, { isCausal: true });
      return head.forward(reshape(permute(y, [0, 2, 1, 3]), [batch * length, 8]));
    };
    const model = await compare(fn, all, { openSizes });
    expect(model.inputs[0].shape).toEqual(['batch', 'length']);
    expect(model.outputs[0].shape).toEqual(['batch*length', 5]);
  });

  test('export a recurrent network and its state', async () => {
    const network = new LSTM(8, 4, { bidirectional: true, batchFirst: true });
    const fn: Fn = ({ ids }) => ({ ...network.forward(embedding(ids, words)) }) as Readonly<Record<string, Tensor>>;
    const model = await compare(fn, all, { openSizes });
    expect(model.outputs.map(({ shape }) => shape)).toEqual([
      ['batch', 'length', 8],
      [2, 'batch', 4],
      [2, 'batch', 4],
    ]);
  });

  test('reject a function whose nodes depend on the length', async () => {
    const network = new LSTM(8, 4, { batchFirst: true, fused: false });
    const fn = ({ ids }: Inputs) => network.forward(embedding(ids, words)).output;
    await expect(exportOnnx(fn, texts(2, 6), { openSizes })).rejects.toThrow(
      /batch and length cannot stay open: the function makes \d+ nodes/,
    );
  });
});

describe('state', () => {
  test('a buffer that the function updates is an input and an output', async () => {
    const count = new Buffer({ shape: [2], dtype: 'f32', data: Float32Array.of(10, 20) }, { name: 'count' });
    const fn = ({ x }: { x: Tensor }) => {
      const next = add(count, x);
      assign(count, next);
      return mul(next, 2);
    };
    const model = await exportOnnx(fn, { x: spec([2]) });
    expect(model.inputs.map(({ name }) => name)).toEqual(['x', 'count']);
    const x: TensorData = { shape: [2], dtype: 'f32', data: Float32Array.of(1, 2) };
    const [first] = await runOnnx(model, [{ x, ...model.state }]);
    expect([...first.output.data, ...first['count.next'].data]).toEqual([22, 44, 11, 22]);
    const [second] = await runOnnx(model, [{ x, count: first['count.next'] }]);
    expect([...second.output.data]).toEqual([24, 48]);
  });

  test('a scalar is an input', async () => {
    const temperature = new Scalar('temperature', 4);
    const model = await exportOnnx(({ x }) => mul(x, temperature), { x: spec([1]) });
    const x: TensorData = { shape: [1], dtype: 'f32', data: Float32Array.of(3) };
    const other: TensorData = { shape: [], dtype: 'f32', data: Float32Array.of(2) };
    const results = await runOnnx(model, [
      { x, ...model.state },
      { x, temperature: other },
    ]);
    expect(results.map(({ output }) => output.data[0])).toEqual([12, 6]);
  });

  test('cached decoding takes one token per run, with position and cache as inputs', async () => {
    const [cache, position] = [new Buffer({ shape: [1, 2, 8, 4], dtype: 'f32', data: new Float32Array(64) }, { name: 'keys' }), new Scalar('position', 0, 'i32')]; // prettier-ignore
    const fn: Fn = ({ x }) => {
      const key = rotary(x, { offset: position });
      const keys = updateSlice(key, position, cache);
      assign(cache, keys);
      const length = add(position, 1);
      return scaledDotProductAttention(key, keys, keys, { length: reshape(length, []), isCausal: true });
    };
    const steps = [0, 1, 2].map((seed) => valuesFor({ x: spec([1, 2, 1, 4]) }, seed).x);
    const model = await exportOnnx(fn as (inputs: Inputs) => Tensor, { x: spec([1, 2, 1, 4]) });
    using program = await compile(new CpuDevice() as Device, fn as (inputs: Inputs) => Tensor, {
      x: spec([1, 2, 1, 4]),
    });
    let { keys } = model.state;
    for (const [at, x] of steps.entries()) {
      position.value = at;
      const expected = await program.run({ x: x.data });
      const place: TensorData = { shape: [], dtype: 'i32', data: Int32Array.of(at) };
      const [actual] = await runOnnx(model, [{ x, position: place, keys }]);
      expect(deviation(actual.output, expected, units(64)).problem).toBeNull();
      keys = actual['keys.next'];
    }
  });
});

test('a language model decodes token by token when each run gets the caches of the one before', async () => {
  const model = new GPT2({ ...gpt2Configs.char, vocab_size: 11, n_embd: 16, n_layer: 2, n_head: 2 });
  const memory = model.memory(1, 8);
  const fn = ({ ids, position }: Inputs) => model.forward(ids, { memory, position });
  const specs = { ids: spec([1, 1], 'i32'), position: spec([], 'i32') };
  const exported = await exportOnnx(fn, specs, { model });
  expect(exported.outputs.slice(1).map(({ name }) => name)).toEqual(
    exported.inputs.slice(2).map(({ name }) => `${name}.next`),
  );
  const ids = Int32Array.of(3, 1, 4, 1, 5);
  const whole = await onCpu((inputs) => model.forward(inputs.ids), { ids: { dtype: 'i32', shape: [1, 5], data: ids } });
  const { data } = whole.output;
  const classes = data.length / ids.length;
  let state = exported.state;
  for (const [at, id] of ids.entries()) {
    const position = { dtype: 'i32', shape: [], data: Int32Array.of(at) } as const;
    const step = { ids: { dtype: 'i32', shape: [1, 1], data: Int32Array.of(id) } as const, position };
    const [{ output, ...next }] = await runOnnx(exported, [{ ...step, ...state }]);
    const expected = { ...output, data: data.slice(at * classes, (at + 1) * classes) };
    expect([at, deviation(output, expected, units(256)).problem]).toEqual([at, null]);
    state = Object.fromEntries(Object.entries(next).map(([name, value]) => [name.replace(/\.next$/, ''), value]));
  }
});

test('the error for an op that cannot be exported says what to do', async () => {
  const options = { x: spec([2, 3]) };
  await expect(exportOnnx(({ x }) => dropout(x, 0.5), options)).rejects.toThrow(
    /uniform cannot be exported to ONNX.*noise an input/,
  );
});

test('a recurrent layer whose cell states are all read is unrolled', async () => {
  const [weightIh, weightHh] = [12, 16].map((size, i) => new Parameter({ shape: [16, size / 4], dtype: 'f32', data: Float32Array.from({ length: 4 * size }, (_, k) => Math.sin(k + i)) }, { name: `w${i}` })); // prettier-ignore
  const fn: Fn = ({ x, lengths }) => ({ ...lstm(x, [{ weightIh, weightHh }], { lengths }) }) as Record<string, Tensor>;
  const specs = { x: spec([5, 3, 3]), lengths: spec([3], 'i32') };
  const model = await exportOnnx(fn as (inputs: Inputs) => Record<string, Tensor>, specs);
  const values = { ...valuesFor(specs), lengths: { shape: [3], dtype: 'i32', data: Int32Array.of(5, 2, 3) } as const };
  const [actual] = await runOnnx(model, [values]);
  const expected = await onCpu(fn, values);
  for (const [name, value] of Object.entries(expected))
    expect(deviation(actual[name], value, units(64)).problem).toBeNull();
});
