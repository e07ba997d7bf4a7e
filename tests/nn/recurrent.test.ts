// Recurrent layers and cells: PyTorch's names, shapes, initial values and outputs, and stepwise decoding.

import { describe, expect, test } from 'vitest';
import {
  assign, Buffer, compile, CpuDevice, GRU, GRUCell, Input, LSTM, LSTMCell, manualSeed, Module, RandomSource, RNN,
  reshape, RNNCell, spec, type Device, type Tensor, type TensorData,
} from '../../src/node.ts'; // prettier-ignore
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { loadCases } from '../harness/fixtures.ts';
import { toleranceOf } from '../../src/verify/tolerances.ts';

const shapesOf = (module: Module) =>
  Object.fromEntries([...module.namedParameters()].map(([name, { shape }]) => [name, shape]));

describe('parameters', () => {
  test('have PyTorch’s names, shapes and order', () => {
    const names = [...new LSTM(3, 4, { numLayers: 2, bidirectional: true }).namedParameters().keys()];
    const kinds = ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'];
    expect(names).toEqual(['l0', 'l0_reverse', 'l1', 'l1_reverse'].flatMap((end) => kinds.map((kind) => `${kind}_${end}`))); // prettier-ignore
    expect(shapesOf(new LSTM(3, 4, { numLayers: 2, bidirectional: true }))).toMatchObject({
      weight_ih_l0: [16, 3],
      weight_hh_l0: [16, 4],
      bias_hh_l0_reverse: [16],
      weight_ih_l1_reverse: [16, 8],
    });
    expect(shapesOf(new GRU(3, 4, { bias: false }))).toEqual({ weight_ih_l0: [12, 3], weight_hh_l0: [12, 4] });
    expect(shapesOf(new RNN(3, 4, { bias: false }))).toEqual({ weight_ih_l0: [4, 3], weight_hh_l0: [4, 4] });
    const cell = { weight_ih: [16, 3], weight_hh: [16, 4], bias_ih: [16], bias_hh: [16] };
    expect(shapesOf(new LSTMCell(3, 4))).toEqual(cell);
    expect(shapesOf(new GRUCell(3, 4, { bias: false }))).toEqual({ weight_ih: [12, 3], weight_hh: [12, 4] });
    expect(shapesOf(new RNNCell(3, 4))).toMatchObject({ weight_ih: [4, 3], bias_hh: [4] });
  });

  test('cover (-1/√H, 1/√H), whatever the input size', () => {
    manualSeed(0);
    for (const module of [new LSTM(3, 64), new GRUCell(200, 64)] as Module[]) {
      for (const { hostValues, size } of module.namedParameters().values()) {
        const largest = Math.max(...Array.from(hostValues, Math.abs));
        expect(largest).toBeLessThanOrEqual(1 / 8);
        expect(largest).toBeGreaterThan(size > 500 ? 0.99 / 8 : 0.9 / 8);
      }
    }
  });

  test('are found inside a model', () => {
    class Model extends Module {
      readonly encoder = new GRU(2, 3);
      forward(x: Tensor): Tensor {
        return this.encoder.forward(x).hidden;
      }
    }
    expect([...new Model().namedParameters().keys()]).toContain('encoder.weight_hh_l0');
    expect(new Model().parameters()).toHaveLength(4);
  });
});

test.each([
  ['rnn', RNN],
  ['lstm', LSTM],
  ['gru', GRU],
] as const)('%s with the weights of a checkpoint computes what PyTorch computes', async (name, Layer) => {
  const one = loadCases(name).find((found) => found.name === 'stacked')!;
  const [x, ...rest] = one.inputs;
  const layer = new Layer(2, 3, { numLayers: 2, bidirectional: true, batchFirst: true });
  layer.loadStateDict(new Map([...layer.namedParameters().keys()].map((key, i) => [key, rest[i]])));
  const states = Object.fromEntries(rest.slice(16).map((state, i) => [`state${i}`, state]));
  const build = ({ x: input, ...own }: Record<string, Tensor>) =>
    ({ ...(layer as { forward(...inputs: Tensor[]): object }).forward(input, ...Object.values(own)) }) as Record<
      string,
      Tensor
    >;
  using program = await compile(new CpuDevice(), build, { x, ...states });
  const given = Object.entries({ x, ...states }).map(([key, { data }]) => [key, data]);
  const results = await program.run(Object.fromEntries(given));
  const data = Float32Array.from(Object.values(results).flatMap((result) => [...result.data]));
  const actual: TensorData = { shape: [data.length], dtype: 'f32', data };
  expect(difference(`${name} module`, actual, one.output, toleranceOf(name, 'cpu', 'output'))).toBeNull();
});

const devices: [string, () => Promise<Device>][] = [
  ['GPU', testGpu],
  ['CPU', async () => new CpuDevice()],
];

/** Steps, batch size, input size and state size. */
const [T, B, I, H] = [6, 2, 3, 5];

/** Compares `T` runs of a one-step program, with states as parameters, with one run over the whole sequence. */
async function expectSteps(
  device: Device,
  whole: (x: Tensor) => Tensor,
  step: (x: Tensor, states: readonly Tensor[]) => { output: Tensor; states: readonly Tensor[] },
  stateShapes: readonly number[][],
) {
  const random = new RandomSource(2);
  const x = Float32Array.from({ length: T * B * I }, () => random.uniform(-2, 2));
  using sequence = await compile(device, (inputs) => whole(inputs.x), { x: spec([T, B, I]) });
  const expected = (await sequence.run({ x })) as TensorData;
  const states = stateShapes.map((shape, i) => Buffer.zeros(spec(shape), { name: `state ${i}` }));
  const build = (inputs: Record<string, Tensor>) => {
    const next = step(inputs.x, states);
    states.forEach((state, i) => assign(state, next.states[i]));
    return next.output;
  };
  using decoder = await compile(device, build, { x: spec([B, I]) });
  const found: number[] = [];
  for (let t = 0; t < T; t++) {
    found.push(...((await decoder.run({ x: x.slice(t * B * I, (t + 1) * B * I) })) as TensorData).data);
  }
  const actual: TensorData = { shape: [T, B, H], dtype: 'f32', data: Float32Array.from(found) };
  expect(difference('decoding', actual, expected, toleranceOf('rnn', 'gpu', 'output'))).toBeNull();
}

describe.each(devices)('on the %s, repeated runs of one compiled step match the whole sequence', (_, open) => {
  test.each([
    ['RNN', RNN, 1],
    ['LSTM', LSTM, 2],
    ['GRU', GRU, 1],
  ] as const)('%s', async (_name, Layer, count) => {
    manualSeed(1);
    const layer: { forward(...inputs: Tensor[]): { output: Tensor; hidden: Tensor; cell?: Tensor } } = new Layer(I, H, {
      numLayers: 2,
    });
    await expectSteps(
      await open(),
      (x) => layer.forward(x).output,
      (x, states) => {
        const { output, hidden, cell } = layer.forward(reshaped(x), ...states);
        return { output, states: cell ? [hidden, cell] : [hidden] };
      },
      Array<number[]>(count).fill([2, B, H]),
    );
  });

  test('for LSTMCell', async () => {
    manualSeed(1);
    const layer = new LSTM(I, H);
    const cell = new LSTMCell(I, H);
    const weights = [...layer.namedParameters().values()].map((parameter) => ({ ...parameter, data: parameter.hostValues })); // prettier-ignore
    cell.loadStateDict(new Map([...cell.namedParameters().keys()].map((key, i) => [key, weights[i]])));
    await expectSteps(
      await open(),
      (x) => layer.forward(x).output,
      (x, [h, c]) => {
        const next = cell.forward(x, h, c);
        return { output: next.hidden, states: [next.hidden, next.cell] };
      },
      Array<number[]>(2).fill([B, H]),
    );
  });
});

const reshaped = (x: Tensor) => reshape(x, [1, B, I]);

test('states default to zeros', async () => {
  manualSeed(3);
  const cell = new GRUCell(I, H);
  const build = ({ x, zeros }: Record<string, Tensor>) => ({ a: cell.forward(x), b: cell.forward(x, zeros) });
  using program = await compile(new CpuDevice(), build, { x: spec([B, I]), zeros: spec([B, H]) });
  const { a, b } = await program.run({ x: new Float32Array(B * I).fill(1), zeros: new Float32Array(B * H) });
  expect(a.data).toEqual(b.data);
});

test('dropout applies only between layers and only in training', async () => {
  manualSeed(4);
  const x = Float32Array.from({ length: T * B * I }, (_, i) => Math.sin(i));
  const run = async (layer: GRU, training = true) => {
    const build = (inputs: Record<string, Tensor>) => layer.forward(inputs.x).output;
    using program = await compile(new CpuDevice(), build, { x: spec([T, B, I]) }, { training });
    return [(await program.run({ x })) as TensorData, (await program.run({ x })) as TensorData].map(({ data }) => [...data]); // prettier-ignore
  };
  const two = new GRU(I, H, { numLayers: 2, dropout: 0.5 });
  const [first, second] = await run(two);
  expect(first).not.toEqual(second);
  const [quiet, again] = await run(two, false);
  expect(quiet).toEqual(again);
  const [one, same] = await run(new GRU(I, H, { dropout: 0.5 }));
  expect(one).toEqual(same);
});

test('the error for a wrong state has its shape', () => {
  const x = new Input('x', spec([T, B, I]));
  expect(() => new LSTM(I, H).forward(x, new Input('h', spec([2, B, H])))).toThrow('lstm: initial states must be [1, 2, 5]'); // prettier-ignore
  expect(() => new GRU(I, H).forward(new Input('x', spec([T, B, 4])))).toThrow('gru: weights for inputs of 4');
});
