// The page's receptive fields against the network: changing a pixel changes exactly the values whose field contains it.

import { expect, test } from 'vitest';
import { MAP_LAYERS, receptiveField } from '../../demos/cnn/geometry.ts';
import { LeNet5, lenet5Configs } from '../../models/cnn/lenet5/model.ts';
import { compile, manualSeed, openDevice, RandomSource, spec } from '../../src/index.ts';

test.each([
  [0, 0],
  [5, 30],
  [13, 17],
  [31, 31],
])('pixel (%i, %i) affects exactly the values whose receptive field contains it', async (y, x) => {
  manualSeed(1);
  // tanh and averages propagate every change; ReLU and max pooling would hide some.
  const model = new LeNet5(lenet5Configs.classic);
  const program = await compile(await openDevice('cpu'), ({ image }) => ({ ...model.maps(image) }), {
    image: spec([1, 1, 32, 32]),
  });
  const random = new RandomSource(2);
  const image = Float32Array.from({ length: 32 * 32 }, () => random.uniform());
  const before = await program.run({ image });
  image[y * 32 + x] += 0.5;
  const after = await program.run({ image });
  for (const { name, size } of MAP_LAYERS) {
    for (let i = 0; i < size * size; i++) {
      const field = receptiveField(name, Math.floor(i / size), i % size);
      const seen = y >= field.row && y < field.row + field.size && x >= field.column && x < field.column + field.size;
      const changed = after[name].data[i] !== before[name].data[i];
      expect([name, i, changed]).toEqual([name, i, seen]);
    }
  }
});

test('the receptive fields of the four layers, and of fully connected ones', () => {
  expect(MAP_LAYERS.map(({ name }) => receptiveField(name, 0, 0).size)).toEqual([5, 6, 14, 16]);
  expect(receptiveField('s4', 4, 4)).toEqual({ row: 16, column: 16, size: 16 });
  expect(receptiveField('f6', 0, 0)).toEqual({ row: 0, column: 0, size: 32 });
});
