// Tensors beyond the binding limit are bound in windows, with the same results; what cannot fit is reported first.

import { expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import { useWindows } from '../../src/backends/webgpu/windows.ts';
import { Buffer } from '../../src/core/parameter.ts';
import { spec, type Tensor, type TensorSpec } from '../../src/core/tensor.ts';
import { add, cast, concat, conv2d, crossEntropy, matmul, mul, reshape, softmax, sum, tanh, transpose } from '../../src/ops/index.ts'; // prettier-ignore
import { manualSeed } from '../../src/nn/init.ts';
import { Linear } from '../../src/nn/matmul/linear.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { compile } from '../../src/runtime/compile.ts';
import { testGpu, withCapabilities } from '../harness/devices.ts';
import { expectClose, randomValues, type Results } from './everywhere.ts';
import { planOf } from './plan-of.ts';

/** The test GPU with a binding limit of `bytes`. */
const smallBindings = async (bytes: number): Promise<Device> =>
  withCapabilities(await testGpu(), { maxStorageBufferBindingSize: bytes });

test.each([
  ['y = x[i + x[j]] * ax[k];', 'y = load_window_x(i + load_window_x(j)) * ax[k];'],
  ['x[a[i]] = x[2u] + 1.0;', 'store_window_x(a[i], load_window_x(2u) + 1.0);'],
  ['x[i] += f(x[j]);', 'store_window_x(i, load_window_x(i) + (f(load_window_x(j))));'],
  ['if (x[i] == x[j].y) { s.x[0] = 1; }', 'if (load_window_x(i) == load_window_x(j).y) { s.x[0] = 1; }'],
])('%s is rewritten', (before, after) => expect(useWindows(before, 'x')).toBe(after));

test('every kind of kernel computes the same with tensors in many windows', async () => {
  const specs: Record<string, TensorSpec> = {
    a: spec([12, 16]),
    b: spec([16, 12]),
    image: spec([2, 3, 8, 8]),
    kernel: spec([4, 3, 3, 3]),
  };
  const build = ({ a, b, image, kernel }: Record<string, Tensor>) => {
    const product = tanh(matmul(a, b));
    const loss = add(sum(mul(product, product)), sum(tanh(conv2d(image, kernel, undefined, { padding: 1 }))));
    const [da, dkernel] = grad(loss, [a, kernel]);
    return {
      product,
      loss,
      da,
      dkernel, // prettier-ignore
      soft: softmax(transpose(a)),
      joined: concat([a, reshape(b, [12, 16])]),
      whole: cast(mul(a, 3), 'i32'),
    };
  };
  const values = randomValues(specs);
  const runOn = async (device: Device) => (await (await compile(device, build, specs)).run(values)) as Results;
  const expected = await runOn(new CpuDevice());
  for (const bytes of [512, 768]) {
    const device = await smallBindings(bytes);
    const windows = (await compile(device, build, specs)).plan.steps.flatMap(({ kernels }) =>
      kernels.flatMap(({ inputs, outputs }) => [...inputs, ...outputs].map((binding) => binding?.windows?.count ?? 1)),
    );
    expect(Math.max(...windows)).toBeGreaterThan(2);
    // WGSL allows tanh an error of 1e-5; a value from the wrong place would be off by far more.
    expectClose('windows', await runOn(device), expected, () => ({ absolute: 1e-5, relative: 1e-5 }));
  }
});

test('a network trains with a weight in windows', async () => {
  const specs = { x: spec([4, 64]), label: spec([4], 'i32') };
  const inputs = { x: randomValues({ x: specs.x }).x as Float32Array, label: Int32Array.of(1, 2, 3, 0) };
  const lossesOn = async (device: Device) => {
    manualSeed(1);
    const [hidden, output] = [new Linear(64, 40), new Linear(40, 4)];
    const optimizer = new SGD([...hidden.parameters(), ...output.parameters()], { learningRate: 0.1, momentum: 0.9 });
    using program = await compile(
      device,
      ({ x, label }) => {
        const loss = crossEntropy(output.forward(tanh(hidden.forward(x))), label);
        optimizer.step(grad(loss, optimizer.parameters));
        return { loss };
      },
      specs,
    );
    const losses: number[] = [];
    for (let step = 0; step < 3; step++) losses.push((await program.run(inputs)).loss.data[0]);
    return losses;
  };
  // The larger weight takes 10,240 bytes.
  const pieces = await lossesOn(await smallBindings(8 * 1024));
  const whole = await lossesOn(await testGpu());
  pieces.forEach((loss, i) => expect(loss).toBeCloseTo(whole[i], 5));
  expect(whole[2]).toBeLessThan(whole[0]);
});

test('tensors that do not fit are named before anything runs', async () => {
  const step = ({ x }: Record<string, Tensor>) => ({
    y: matmul(x, Buffer.zeros(spec([4096, 4096]), { name: 'vocabulary' })),
  });
  const build = planOf(step, { x: spec([4, 4096]) }, { capabilities: { maxBufferSize: 2 ** 20 } });
  await expect(build).rejects.toThrow(
    'compile: this GPU cannot run the program:\n  parameter vocabulary leaf f32[4096, 4096] takes 64 MiB, but a buffer has at most 1 MiB',
  );
  const many = planOf(
    ({ x }) => ({ y: tanh(x) }),
    { x: spec([4096]) },
    { capabilities: { maxStorageBufferBindingSize: 1024 } },
  );
  await expect(many).rejects.toThrow(/kernel pointwise\.tanh binds 32 buffers, but at most 8 can be bound/);
});
