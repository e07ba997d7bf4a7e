// Sequential and the activation modules: PyTorch's parameter names, settings, training and inference.

import { expect, test } from 'vitest';
import * as tigers from '../../src/index.ts';
import { compile, CpuDevice, Input, Linear, manualSeed, Sequential, spec, type Layer, type Tensor } from '../../src/index.ts'; // prettier-ignore

const values = Float32Array.of(-3, -0.5, 0, 0.25, 2, 7);
async function run(f: (x: Tensor) => Tensor): Promise<number[]> {
  using program = await compile(new CpuDevice(), ({ x }) => f(x), { x: spec([2, 3]) });
  return [...(await program.run({ x: values })).data];
}

test('Sequential names parameters by index and chains its modules', async () => {
  manualSeed(1);
  const [first, second] = [new Linear(3, 4), new Linear(4, 2)];
  const model = new Sequential(first, new tigers.ReLU(), new Sequential(second, new tigers.Tanh()));
  expect([...model.namedParameters().keys()]).toEqual(['0.weight', '0.bias', '2.0.weight', '2.0.bias']);
  expect(await run((x) => model.forward(x))).toEqual(
    await run((x) => tigers.tanh(second.forward(tigers.relu(first.forward(x))))),
  );
});

test('an empty Sequential returns its input', () => {
  const x = new Input('x', spec([2, 3]));
  expect(new Sequential().forward(x)).toBe(x);
});

test.each<[string, Layer, (x: Tensor) => Tensor]>([
  ['ELU', new tigers.ELU(2), (x) => tigers.elu(x, 2)],
  ['GELU', new tigers.GELU(), (x) => tigers.gelu(x)],
  ['GELU with tanh', new tigers.GELU({ approximate: 'tanh' }), (x) => tigers.gelu(x, { approximate: 'tanh' })],
  ['GLU', new tigers.GLU(0), (x) => tigers.glu(x, 0)],
  ['Hardtanh', new tigers.Hardtanh({ max: 0.5 }), (x) => tigers.hardtanh(x, { max: 0.5 })],
  ['LeakyReLU', new tigers.LeakyReLU(0.2), (x) => tigers.leakyRelu(x, 0.2)],
  ['LeakyReLU with defaults', new tigers.LeakyReLU(), (x) => tigers.leakyRelu(x)],
  ['Softmax', new tigers.Softmax(0), (x) => tigers.softmax(x, 0)],
  ['Softplus', new tigers.Softplus({ beta: 2 }), (x) => tigers.softplus(x, { beta: 2 })],
  ['Identity', new tigers.Identity(), (x) => tigers.mul(x, 1)],
  ['PReLU', new tigers.PReLU(3), (x) => tigers.leakyRelu(x, 0.25)],
])('%s equals its function', async (_name, module, f) => {
  expect(await run((x) => module.forward(x))).toEqual(await run(f));
});

test('Flatten merges axes, by default all but the first', () => {
  const x = new Input('x', spec([2, 3, 4, 5]));
  const shapes = [new tigers.Flatten(), new tigers.Flatten(0), new tigers.Flatten(1, 2), new tigers.Flatten(-2)];
  expect(shapes.map((flatten) => flatten.forward(x).shape)).toEqual([[2, 60], [120], [2, 12, 5], [2, 3, 20]]);
});

test('PReLU has one weight of 0.25, or several', () => {
  expect(new tigers.PReLU().weight.hostValues).toEqual(Float32Array.of(0.25));
  expect([...new tigers.PReLU(3, 0.1).namedParameters()].map(([name, { shape }]) => [name, shape])).toEqual([['weight', [3]]]); // prettier-ignore
});
