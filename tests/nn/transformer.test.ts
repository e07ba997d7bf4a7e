// Transformer layers: PyTorch's parameters, outputs and gradients; and position tables.

import { describe, expect, test } from 'vitest';
import {
  alibiBias, alibiSlopes, compile, CpuDevice, grad, LayerNorm, mul, relativePositionBuckets, sinusoidalPositions, spec, sum,
  TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer, type Tensor, type TransformerLayerOptions, withTraining,
} from '../../src/node.ts'; // prettier-ignore
import { units } from '../../src/verify/tolerances.ts';
import { difference } from '../harness/compare.ts';
import { testGpu } from '../harness/devices.ts';
import { readFixture } from '../harness/fixtures.ts';

const { tensors, cases } = readFixture('transformer');

/** The tensors with a prefix, by the rest of their names. */
const part = (prefix: string) =>
  new Map([...tensors].flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [])));

/** A case's layer, and its call with the fixture's inputs. */
function make(name: string, attrs: TransformerLayerOptions) {
  const options = { dimFeedforward: 5, dropout: 0, ...attrs };
  if (name.startsWith('decoder')) {
    const layer = new TransformerDecoderLayer(4, 2, options);
    const call = ({ x, memory, mask, padding }: Record<string, Tensor>) =>
      layer.forward(x, memory, { target: { attnMask: mask }, memory: { keyPaddingMask: padding } });
    return { layer, call };
  }
  const encoder = () => new TransformerEncoderLayer(4, 2, options);
  const layer = name === 'stack' ? new TransformerEncoder(encoder, 2, new LayerNorm(4)) : encoder();
  return { layer, call: ({ x, mask }: Record<string, Tensor>) => layer.forward(x, { attnMask: mask }) };
}

describe.each(['cpu', 'gpu'] as const)('on the %s', (kind) => {
  // The others use the same kernels, and software drivers compile them for seconds.
  const chosen = kind === 'cpu' ? cases : cases.filter(({ name }) => ['encoder', 'decoderPreNorm'].includes(name));

  test.each(chosen.map(({ name, attrs }) => [name, attrs] as const))('%s matches PyTorch', async (name, attrs) => {
    const { layer, call } = make(name, attrs);
    layer.loadStateDict(part(`${name}/state/`));
    const gradients = [...part(`${name}/grad/`).keys()];
    const parameters = layer.namedParameters();
    const given = ['x', 'memory', 'mask', 'padding', 'cotangent'].filter((key) => tensors.has(`${name}/${key}`));
    const values = Object.fromEntries(given.map((key) => [key, tensors.get(`${name}/${key}`)!]));
    using program = await compile(
      kind === 'cpu' ? new CpuDevice() : await testGpu(),
      (inputs): Record<string, Tensor> => {
        const out = call(inputs);
        const sources = gradients.map((key) => parameters.get(key) ?? inputs[key]);
        const found = grad(sum(mul(out, inputs.cotangent)), sources);
        return { out, ...Object.fromEntries(found.map((value, i) => [`grad/${gradients[i]}`, value])) };
      },
      Object.fromEntries(given.map((key) => [key, spec(values[key].shape, values[key].dtype)])),
    );
    const results = await program.run(Object.fromEntries(given.map((key) => [key, values[key].data])));
    const problems = Object.entries(results).flatMap(([key, value]) => {
      // Attention, norms and sums of up to 12 products, each on rounded values. Measured 4.3 and 6.6.
      const problem = difference(`transformer ${kind}`, value, tensors.get(`${name}/${key}`)!, units(20));
      return problem ? [`${key}: ${problem}`] : [];
    });
    expect(problems).toEqual([]);
    expect(gradients.length).toBeGreaterThan(3);
  });
});

test('layers of a stack have separate parameters, and forward without masks runs in training', async () => {
  const options = { dimFeedforward: 3, dropout: 0.5, bias: false, activation: (x: Tensor) => mul(x, x) };
  const encoder = new TransformerEncoder(() => new TransformerEncoderLayer(4, 1, options), 2);
  const decoder = new TransformerDecoder(() => new TransformerDecoderLayer(4, 1, options), 2, new LayerNorm(4));
  const [first, second] = encoder.layers.map(({ linear1 }) => [...linear1.weight.hostValues]);
  expect(first).not.toEqual(second);
  expect([...encoder.namedParameters().keys()].filter((key) => key.endsWith('bias'))).toEqual([]);
  const shapes = { x: spec([3, 2, 4]), y: spec([5, 2, 4]) };
  using program = await compile(
    new CpuDevice(),
    ({ x, y }) => ({
      eval: decoder.forward(y, encoder.forward(x)),
      train: withTraining(true, () => decoder.forward(y, x)),
    }),
    shapes,
  );
  const values = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));
  const results = await program.run({ x: values(24), y: values(40) });
  expect(results.train.shape).toEqual([5, 2, 4]);
  expect(results.eval.data.every(Number.isFinite)).toBe(true);
  expect([...results.eval.data]).not.toEqual([...results.train.data]);
});

describe('positions', () => {
  const rows = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }) =>
    Array.from({ length: shape[0] }, (_, i) => Array.from(data).slice((i * data.length) / shape[0], ((i + 1) * data.length) / shape[0])); // prettier-ignore

  test('sinusoidalPositions interleaves sines and cosines', () => {
    const [first, , third] = rows(sinusoidalPositions(3, 5));
    expect(first).toEqual([0, 1, 0, 1, 0]);
    const slow = 2 / 10000 ** 0.4;
    const expected = [Math.sin(2), Math.cos(2), Math.sin(slow), Math.cos(slow), Math.sin(2 / 10000 ** 0.8)];
    expect(third).toEqual(expected.map(Math.fround));
  });

  test('alibiSlopes are those of the paper, also if the number of heads is not a power of two', () => {
    expect(alibiSlopes(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => 2 ** -i));
    expect(alibiSlopes(12).slice(8)).toEqual([0.5, 1.5, 2.5, 3.5].map((i) => 2 ** -i));
    expect(alibiSlopes(1)).toEqual([2 ** -8]);
    expect(() => alibiSlopes(0)).toThrow('alibiSlopes: heads must be');
  });

  test('alibiBias decreases with distance, and its rows are the last positions', () => {
    const { shape, data } = alibiBias(2, 2, 3);
    expect(shape).toEqual([2, 2, 3]);
    expect(Array.from(data, (value) => 256 * value + 0)).toEqual([-16, 0, -16, -32, -16, 0, -1, 0, -1, -2, -1, 0]);
  });

  test('relativePositionBuckets match T5', () => {
    // The first distance of each bucket: 8 buckets of one distance, then 8 · 2^(i / 2), up to 128 and beyond.
    const starts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];
    const bucketOf = (distance: number) => starts.findLastIndex((start) => start <= distance);
    const both = rows(relativePositionBuckets(201))[100];
    expect(both).toEqual(Array.from({ length: 201 }, (_, j) => bucketOf(Math.abs(j - 100)) + (j > 100 ? 16 : 0)));
    const [before] = rows(relativePositionBuckets(1, 20, { bidirectional: false, buckets: 16 }));
    expect(before).toEqual(Array.from({ length: 20 }, (_, j) => bucketOf(19 - j)));
    expect(rows(relativePositionBuckets(2, 3, { bidirectional: false }))).toEqual([[1, 0, 0], [2, 1, 0]]); // prettier-ignore
    expect(() => relativePositionBuckets(2, 2, { buckets: 2 })).toThrow('2 buckets for distances up to 128 leave none');
  });
});
