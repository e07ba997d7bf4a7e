// testOp(): a correct custom op passes with all variants; every kind of error is found and named.

import { expect, test } from 'vitest';
import {
  alike, applyOne, floats, given, integers, type KernelOp, linearGrid, linearMain, LINEAR_WORKGROUP, literal, OpTestError, pointwise, reads,
  sizeOf, stores, testOp, type KernelCall, type OpTestCase, type OpTestOptions, type Variant,
} from '../../src/kernels.ts'; // prettier-ignore
import { mul, openDevice, spec, type Tensor } from '../../src/node.ts';
import { testGpu } from '../harness/devices.ts';

/** The Walsh–Hadamard transform of rows, with two variants. */
function hadamardOp(overrides: Partial<KernelOp<object>> = {}): KernelOp<object> {
  const op: KernelOp<object> = {
    name: 'hadamard',
    kind: 'kernels',
    stores: true,
    infer([{ shape, dtype }]) {
      const n = shape.at(-1) ?? 0;
      if (n < 1 || n & (n - 1)) throw new Error(`hadamard: needs rows of 2ⁿ numbers, but got rows of ${n}.`);
      return [{ shape, dtype }];
    },
    cpu({ inputs: [x], outputs: [y], inputSpecs: [{ shape }] }) {
      const n = shape.at(-1)!;
      for (let i = 0; i < x.length; i++) {
        for (let j = 0; j < n; j++) {
          let sign = 1;
          for (let bits = i & j; bits; bits &= bits - 1) sign = -sign;
          y[i] += (sign * x[i - (i % n) + j]) / Math.sqrt(n);
        }
      }
    },
    gpu: (call) => [direct(call, 'direct', 1), direct(call, 'backwards', -1)],
    vjp: ({ gradients: [g] }) => [applyOne(op, [g!], {})],
    onnx: { none: 'ONNX has no such transform.' },
    ...overrides,
  };
  return op;
}

/** Sums a row from its start or its end; `body` replaces the store. */
function direct(
  { inputs: [{ shape }] }: Pick<KernelCall<object>, 'inputs'>,
  name: string,
  step: 1 | -1,
  body?: string,
): Variant {
  const [size, n] = [sizeOf(shape), shape.at(-1)!];
  const wgsl = `${linearMain(size)}
    let row = index - index % ${n}u;
    var sum = 0.0;
    for (var i = 0u; i < ${n}u; i++) {
      let j = ${step === 1 ? 'i' : `${n - 1}u - i`};
      sum += select(1.0, -1.0, (countOneBits(index & j) & 1u) == 1u) * x[row + j];
    }
    ${body ?? `store_y(index, sum * ${literal(1 / Math.sqrt(n), 'f32')});`}
  }`;
  const workgroups = linearGrid(size, LINEAR_WORKGROUP);
  return {
    name,
    kernels: [{ name: `hadamard.${name}`, wgsl, inputs: reads('f32', 'x'), outputs: [stores('y', 'f32')], workgroups }],
  };
}

const casesOf = (op: KernelOp<object>): OpTestCase[] => {
  const call = ([x]: readonly Tensor[]) => applyOne(op, [x], {});
  return [
    { name: 'known', inputs: [given([[1, 2, 3, 4]])], call, dtypes: ['f32'], shape: [1, 4], expected: [[5, -1, -2, 0]] },
    { name: 'rows', inputs: [floats([3, 32])], call, dtypes: ['f32'] },
  ]; // prettier-ignore
};

const check = async (overrides: Partial<KernelOp<object>>, options: Partial<OpTestOptions> = {}) => {
  const op = hadamardOp(overrides);
  return testOp('hadamard', casesOf(op), { device: await testGpu(), ...options });
};

test('a correct op passes: values, rejected calls, variants, two derivatives', async () => {
  const op = hadamardOp();
  const refuses = [
    { inputs: [spec([2, 6])], call: ([x]: readonly Tensor[]) => applyOne(op, [x], {}), says: 'rows of 6' },
  ];
  const { variants, comparisons } = await check({}, { refuses });
  expect(variants).toEqual(['direct', 'backwards']);
  expect(comparisons).toBeGreaterThan(12);
  const onCpu = await check({}, { device: await openDevice('cpu') });
  expect(onCpu.variants).toEqual([]);
});

test.each<[string, Partial<KernelOp<object>>, string]>([
  ['a wrong value on the CPU', { cpu: ({ inputs: [x], outputs: [y] }) => x.forEach((value, i) => (y[i] = value)) }, 'known: on the CPU element'],
  ['a wrong shape', { infer: ([{ shape, dtype }]) => [{ shape: [...shape, 1], dtype }] }, 'known: the shape is [1, 4, 1], expected [1, 4]'],
  ['an invalid size', { infer: ([{ dtype }]) => [{ shape: [0.5], dtype }] }, 'the shape rule gives [0.5]'],
  ['a wrong second variant', { gpu: (call) => [direct(call, 'direct', 1), direct(call, 'broken', 1, 'store_y(index, sum);')] }, 'rows, broken, f32 forward: element'],
  ['a kernel that does not compile', { gpu: (call) => [direct(call, 'direct', 1, 'store_y(index, summ);')] }, "unresolved value 'summ'"],
  ['a wrong gradient', { vjp: ({ gradients: [g] }) => [g] }, 'rows: derivative 1: the gradient of input 0 is off by'],
])('%s is found', async (_, overrides, message) => {
  await expect(check(overrides)).rejects.toThrow(OpTestError);
  await expect(check(overrides)).rejects.toThrow(message);
}); // prettier-ignore

test('a call that is accepted, or rejected with another message, is found', async () => {
  const op = hadamardOp();
  const call = ([x]: readonly Tensor[]) => applyOne(op, [x], {});
  const taken = check({}, { refuses: [{ inputs: [spec([2, 8])], call }] });
  await expect(taken).rejects.toThrow('accepts f32[2, 8], which it should reject');
  const unclear = check({}, { refuses: [{ inputs: [spec([2, 6])], call, says: 'power of two' }] });
  await expect(unclear).rejects.toThrow('rejects f32[2, 6], but the message lacks "power of two"');
});

test('an elementwise op is checked from one record, also fused and in f16', async () => {
  const bowl = pointwise<{ rate: number }>({
    name: 'bowl',
    dtype: alike('bowl', 'f32', 'f16'),
    wgsl: ([x], { rate }) => `${literal(rate, 'f32')} * ${x} * ${x}`,
    cpu: ([x], { rate }) => rate * x * x,
    vjp: (g, { inputs: [x], attrs: { rate } }) => [mul(g, mul(x, 2 * rate))],
    onnx: { as: ([x], { rate }) => mul(mul(x, x), rate) },
  });
  const cases = [{ name: 'row', inputs: [floats([5, 33]), integers([33], 0, 9)], call: ([x]: readonly Tensor[]) => applyOne(bowl, [x], { rate: 3 }) }]; // prettier-ignore
  const { variants } = await testOp('bowl', cases, { device: await testGpu() });
  expect(variants).toEqual(['elementwise']);
});
