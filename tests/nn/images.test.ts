// Layers for images and sequences: torch.nn's shapes and names, and agreement with their functions.

import { describe, expect, test } from 'vitest';
import * as t from '../../src/index.ts';

const run = async (layer: t.Layer, shape: readonly number[]) => {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
  using program = await t.compile(new t.CpuDevice(), ({ x }) => ({ y: layer.forward(x) }), { x: t.spec(shape) });
  const { y } = await program.run({ x: data });
  return { shape: y.shape, values: [...y.data] };
};

describe('parameters', () => {
  test.each([
    ['Conv1d', () => new t.Conv1d(4, 6, 3, { groups: 2 }), [6, 2, 3], 2 * 3],
    ['ConvTranspose1d', () => new t.ConvTranspose1d(4, 6, 3, { groups: 2 }), [4, 3, 3], 3 * 3],
    ['ConvTranspose2d', () => new t.ConvTranspose2d(40, 30, [4, 2], { groups: 5 }), [40, 6, 4, 2], 6 * 4 * 2],
  ] as const)('of %s have the shapes and bounds of torch', (_name, make, shape, fan) => {
    t.manualSeed(1);
    const { weight, bias } = make();
    expect([...make().namedParameters().keys()]).toEqual(['weight', 'bias']);
    expect(weight.shape).toEqual(shape);
    expect(bias!.shape).toEqual([bias!.size]);
    const largest = Math.max(...[...weight.hostValues].map(Math.abs));
    expect(largest).toBeLessThanOrEqual(Math.fround(1 / Math.sqrt(fan)));
    expect(largest).toBeGreaterThan(0.9 / Math.sqrt(fan));
  });

  test('of a layer without bias are just its weight', () => {
    const options = { bias: false };
    const layers = [new t.Conv1d(1, 1, 1, options), new t.ConvTranspose1d(1, 1, 1, options), new t.ConvTranspose2d(1, 1, 1, options)]; // prettier-ignore
    for (const layer of layers) expect([...layer.namedParameters().keys()]).toEqual(['weight']);
  });
});

test.each([
  ['Conv1d', new t.Conv1d(2, 3, 5, { padding: 'same' }), [1, 2, 9], [1, 3, 9]],
  ['ConvTranspose1d', new t.ConvTranspose1d(2, 3, 4, { stride: 2, padding: 1 }), [1, 2, 5], [1, 3, 10]],
  ['ConvTranspose2d', new t.ConvTranspose2d(2, 3, 4, { stride: 2, padding: 1 }), [1, 2, 3, 4], [1, 3, 6, 8]],
  ['MaxPool1d', new t.MaxPool1d(2), [1, 1, 5], [1, 1, 2]],
  ['AvgPool1d', new t.AvgPool1d(2, { ceilMode: true }), [1, 1, 5], [1, 1, 3]],
  ['Upsample', new t.Upsample({ scaleFactor: 2, mode: 'bilinear' }), [1, 1, 2, 3], [1, 1, 4, 6]],
  ['PixelShuffle', new t.PixelShuffle(2), [1, 4, 2, 3], [1, 1, 4, 6]],
  ['PixelUnshuffle', new t.PixelUnshuffle(2), [1, 1, 4, 6], [1, 4, 2, 3]],
] as const)('%s gives the shape of torch', async (_name, layer, shape, expected) => {
  expect((await run(layer, shape)).shape).toEqual(expected);
});

describe('padding modes of convolution layers', () => {
  /** A layer whose kernel only moves values: it is 1 at one position. */
  const moving = <Layer extends t.Conv1d | t.Conv2d>(layer: Layer, at: number): Layer => {
    const { shape, dtype, size } = layer.weight;
    const data = new Float32Array(size);
    data[at] = 1;
    layer.weight.write({ shape, dtype, data });
    return layer;
  };

  test.each([
    ['circular', [2, 3, 0, 1]],
    ['reflect', [2, 3, 2, 1]],
    ['replicate', [2, 3, 3, 3]],
    ['zeros', [2, 3, 0, 0]],
  ] as const)('%s, with one more behind than before', async (paddingMode, expected) => {
    // Of four weights, one reaches back and two ahead; the last reads x[i + 2].
    const layer = moving(new t.Conv1d(1, 1, 4, { padding: 'same', paddingMode, bias: false }), 3);
    expect((await run(layer, [1, 1, 4])).values).toEqual(expected);
  });

  test('in two dimensions, with stride and dilation', async () => {
    const options = {
      padding: [2, 1],
      dilation: [2, 1],
      stride: [1, 2],
      paddingMode: 'circular',
      bias: false,
    } as const;
    const { shape, values } = await run(moving(new t.Conv2d(1, 1, 3, options), 0), [1, 1, 3, 4]);
    // x[row - 2, column - 1] of 0 … 11 in rows of four.
    expect([shape, values]).toEqual([
      [1, 1, 3, 2],
      [7, 5, 11, 9, 3, 1],
    ]);
    const valid = new t.Conv2d(1, 1, 2, { padding: 'valid', paddingMode: 'reflect' });
    expect((await run(valid, [1, 1, 3, 4])).shape).toEqual([1, 1, 2, 3]);
  });

  test("reject 'same' with a stride, as zero padding does", () => {
    const x = new t.Input('x', t.spec([1, 1, 4, 4]));
    for (const paddingMode of ['reflect', 'zeros'] as const) {
      const layer = new t.Conv2d(1, 1, 3, { padding: 'same', stride: 2, paddingMode });
      expect(() => layer.forward(x)).toThrow("padding 'same' needs stride 1, but the stride is [2,2].");
    }
  });
});

test.each([
  ['MaxPool2d', new t.MaxPool2d(2), [1, 1, 2, 4], [5, 7]],
  ['AvgPool2d', new t.AvgPool2d(2), [1, 1, 2, 4], [2.5, 4.5]],
  ['AdaptiveAvgPool2d', new t.AdaptiveAvgPool2d([1, 2]), [1, 1, 1, 3], [0.5, 1.5]],
  ['AdaptiveMaxPool2d', new t.AdaptiveMaxPool2d([null, 2]), [1, 1, 1, 3], [1, 2]],
  ['ChannelShuffle', new t.ChannelShuffle(2), [1, 4, 1, 1], [0, 2, 1, 3]],
  ['ZeroPad2d', new t.ZeroPad2d([1, 0, 0, 1]), [1, 1, 1, 2], [0, 0, 1, 0, 0, 0]],
  ['ConstantPad2d', new t.ConstantPad2d([0, 1, 0, 0], 7), [1, 1, 1, 2], [0, 1, 7]],
  ['ReflectionPad2d', new t.ReflectionPad2d([2, 1, 0, 0]), [1, 1, 1, 3], [2, 1, 0, 1, 2, 1]],
  ['ReplicationPad2d', new t.ReplicationPad2d([1, 2, 0, 0]), [1, 1, 1, 2], [0, 0, 1, 1, 1]],
  ['CircularPad2d', new t.CircularPad2d([1, 1, 0, 0]), [1, 1, 1, 3], [2, 0, 1, 2, 0]],
] as const)('%s gives the values of torch', async (_name, layer, shape, expected) => {
  expect((await run(layer, shape)).values).toEqual(expected);
});
