// Memory plans: small, nothing is overwritten before it is read, and parameters are updated in place.

import { expect, test } from 'vitest';
import { LeNet5, lenet5Configs } from '../../models/cnn/lenet5/model.ts';
import { grad } from '../../src/autograd/grad.ts';
import { Buffer, type Parameter } from '../../src/core/parameter.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import { assign } from '../../src/core/trace.ts';
import { add, crossEntropy, matmul, mul, reshape, softmax, sum, tanh, transpose } from '../../src/ops/index.ts';
import { AdamW } from '../../src/optim/adam.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { memoryProblems } from './check-memory.ts';
import { planOf } from './plan-of.ts';

const lenetSpecs = { image: spec([8, 1, 32, 32]), label: spec([8], 'i32') };
const total = (pool: readonly number[]) => pool.reduce((bytes, size) => bytes + size, 0);

/** The plan of a whole training step of LeNet-5. */
function lenetStep(
  config: keyof typeof lenet5Configs,
  makeOptimizer: typeof SGD | typeof AdamW,
  options: Parameters<typeof planOf>[2],
) {
  const model = new LeNet5(lenet5Configs[config]);
  const optimizer = new makeOptimizer(model.parameters());
  const step = ({ image, label }: Record<string, Tensor>) => {
    const loss = crossEntropy(model.forward(image), label);
    optimizer.step(grad(loss, model.parameters()));
    return { loss };
  };
  return planOf(step, lenetSpecs, options);
}

test.each([
  ['classic', SGD],
  ['modern', AdamW],
] as const)(
  'LeNet-5 %s: a training step reuses memory without overwriting values it still reads',
  async (config, optimizer) => {
    for (const fuse of [true, false]) {
      for (const software of [true, false]) {
        const plan = await lenetStep(config, optimizer, { fuse, capabilities: { software } });
        expect(memoryProblems(plan)).toEqual([]);
        expect(total(plan.memory.pool)).toBeLessThan(plan.memory.bytesWithoutReuse / 2);
      }
    }
  },
);

test('LeNet-5: every parameter of the network and of the optimizer is updated in place', async () => {
  const { memory, updates } = await lenetStep('modern', AdamW, {});
  expect(updates.length).toBeGreaterThan(30);
  for (const { parameter, value } of updates) expect(memory.storage.get(value)).toEqual({ leaf: parameter });
});

test('a chain of kernels alternates between two buffers; elementwise ops alone need one', async () => {
  const products = await planOf(({ a, b }) => ({ y: [1, 2, 3, 4, 5].reduce((x) => matmul(x, b), a) }), {
    a: spec([16, 16]),
    b: spec([16, 16]),
  });
  expect(products.memory).toMatchObject({ pool: [1024, 1024], bytesWithoutReuse: 5 * 1024 });
  const chain = await planOf(({ a }) => ({ y: tanh(mul(tanh(a), 2)) }), { a: spec([16, 16]) }, { fuse: false });
  expect(chain.memory).toMatchObject({ pool: [1024], bytesWithoutReuse: 3 * 1024 });
  for (const plan of [products, chain]) expect(memoryProblems(plan)).toEqual([]);
});

/** Where the update of a program's only parameter is stored, with other reads of it. */
async function placeOfUpdate(step: (p: Parameter) => { value: Tensor; outputs?: Record<string, Tensor> }) {
  const p = Buffer.zeros(spec([4, 4]), { name: 'p' });
  const plan = await planOf(() => {
    const { value, outputs = {} } = step(p);
    assign(p, value);
    return outputs;
  }, {});
  expect(memoryProblems(plan)).toEqual([]);
  return 'leaf' in plan.memory.storage.get(plan.updates[0].value)! ? 'in place' : 'copied';
}

test('a parameter is updated in place only when nothing can still read its old value', async () => {
  expect(await placeOfUpdate((p) => ({ value: add(p, 1) }))).toBe('in place');
  // Another step reads it first, and is scheduled before the update.
  expect(await placeOfUpdate((p) => ({ value: add(p, 1), outputs: { y: softmax(p) } }))).toBe('in place');
  // The output is the new value.
  expect(await placeOfUpdate((p) => ((value) => ({ value, outputs: { value } }))(add(p, 1)))).toBe('in place');
  // A kernel that reads elements of p after writing others.
  expect(await placeOfUpdate((p) => ({ value: add(matmul(p, p), p) }))).toBe('copied');
  expect(await placeOfUpdate((p) => ({ value: transpose(p) }))).toBe('copied');
  expect(await placeOfUpdate((p) => ({ value: add(p, sum(p, 0)) }))).toBe('in place');
  // p itself is an output, directly or as a view.
  expect(await placeOfUpdate((p) => ({ value: add(p, 1), outputs: { p } }))).toBe('copied');
  expect(await placeOfUpdate((p) => ({ value: add(p, 1), outputs: { p: reshape(p, [16]) } }))).toBe('copied');
  // A later step needs the old and the new value.
  expect(
    await placeOfUpdate((p) => {
      const value = softmax(p);
      return { value, outputs: { y: matmul(value, p) } };
    }),
  ).toBe('copied');
});

test('updates come last, so that each can read the old values of other parameters', async () => {
  const [a, b] = [Buffer.zeros(spec([4, 4]), { name: 'a' }), Buffer.zeros(spec([4, 4]), { name: 'b' })];
  const plan = await planOf(() => {
    assign(a, add(a, 1));
    assign(b, add(b, softmax(a)));
    return {};
  }, {});
  expect(memoryProblems(plan)).toEqual([]);
  expect(plan.updates.map(({ value }) => plan.memory.storage.get(value))).toEqual([{ leaf: a }, { leaf: b }]);
});
