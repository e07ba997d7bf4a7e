// grad(): the chain rule over graphs. Each op's own gradient is tested with the op.

import { describe, expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { applyOne, type Op } from '../../src/core/op.ts';
import { Buffer } from '../../src/core/parameter.ts';
import { Input, spec, type Tensor } from '../../src/core/tensor.ts';
import {
  add, cast, detach, gt, matmul, mean, mul, reshape, rnn, scaledDotProductAttention, square, sum, tanh,
} from '../../src/ops/index.ts'; // prettier-ignore
import { compile } from '../../src/runtime/compile.ts';
import { records } from '../harness/records.ts';

/** Values of `fn`'s outputs, computed in float64 and rounded to f32. */
async function evaluate(fn: (x: Tensor) => Record<string, Tensor>, values: readonly number[], shape = [values.length]) {
  const device = new CpuDevice({ float64: true });
  const program = await compile(device, ({ x }: Record<string, Tensor>) => fn(x), { x: spec(shape) });
  const results = await program.run({ x: Float32Array.from(values) });
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...data]]));
}

const gradientOf = async (fn: (x: Tensor) => Tensor, ...values: number[]) =>
  (await evaluate((x) => ({ dx: grad(fn(x), [x])[0] }), values)).dx;

test('a tensor used twice, by one op or two, gets the sum of both gradients', async () => {
  expect(await gradientOf((x) => sum(mul(x, x)), 1, -2, 3)).toEqual([2, -4, 6]);
  expect(await gradientOf((x) => sum(add(x, x)), 1, -2)).toEqual([2, 2]);
  expect(await gradientOf((x) => add(sum(square(x)), sum(mul(x, 5))), 1, -2)).toEqual([7, 1]);
  // A diamond: (3x)² + 4·3x.
  const diamond = (x: Tensor) => {
    const shared = mul(x, 3);
    return sum(add(square(shared), mul(shared, 4)));
  };
  expect(await gradientOf(diamond, 1, 2)).toEqual([30, 48]);
});

test('the gradient of a broadcast input is summed to its own shape', async () => {
  const build = (x: Tensor) => {
    const row = reshape(x, [1, 3]);
    const y = mul(matmul(reshape(x, [3, 1]), row), row);
    const [dx, dy] = grad(sum(y), [x, y]);
    return { dx, dy };
  };
  // y_ij = x_i · x_j², so dx_k = Σ_j x_j² + 2 x_k Σ_i x_i.
  expect(await evaluate(build, [1, 2, 3])).toEqual({ dx: [14 + 12, 14 + 24, 14 + 36], dy: Array(9).fill(1) });
});

test('the output has gradient 1 with respect to itself, and unused tensors have zeros', async () => {
  const unused = Buffer.zeros(spec([2, 2]), { name: 'unused' });
  const build = (x: Tensor) => {
    const loss = mean(x);
    const [own, dx, none, behind] = grad(loss, [loss, x, unused, square(x)]);
    expect(none.shape).toEqual([2, 2]);
    return { own, dx, none, behind };
  };
  expect(await evaluate(build, [1, 2])).toEqual({ own: [1], dx: [0.5, 0.5], none: [0, 0, 0, 0], behind: [0, 0] });
});

test('no gradient passes detach, integers or comparisons', async () => {
  expect(await gradientOf((x) => sum(mul(detach(x), x)), 3, 4)).toEqual([3, 4]);
  expect(await gradientOf((x) => sum(cast(cast(x, 'i32'), 'f32')), 3, 4)).toEqual([0, 0]);
  expect(await gradientOf((x) => sum(mul(cast(gt(x, 3.5), 'f32'), x)), 3, 4)).toEqual([0, 1]);
});

describe('errors', () => {
  const x = new Input('x', spec([2, 3]));

  test('the error for a non-scalar output has its shape', () => {
    expect(() => grad(tanh(x), [x])).toThrow('grad: the output must be one number, but has shape [2, 3]');
  });

  const step: Op = {
    name: 'step',
    kind: 'kernels',
    infer: ([input]) => [input],
    cpu: ({ inputs, outputs }) => inputs[0].forEach((value, i) => (outputs[0][i] = Number(value > 0))),
    gpu: () => [],
    vjp: 'none',
    onnx: { none: 'It only tests.' },
  };

  test('an op without a gradient is an error only if a gradient must pass it', () => {
    const stepped = applyOne(step, [x], {});
    expect(() => grad(sum(mul(stepped, x)), [x])).toThrow('grad: step has no gradient');
    const y = new Input('y', spec([2, 3]));
    expect(grad(sum(mul(stepped, y)), [y])[0].shape).toEqual([2, 3]);
    expect(grad(sum(mul(stepped, x)), [stepped])[0].shape).toEqual([2, 3]);
  });

  test('the error for an op without a gradient suggests the alternative', () => {
    const [q, states] = [new Input('q', spec([2, 3, 4])), new Input('states', spec([3, 4]))];
    const again = (y: Tensor, input: Tensor) => () => grad(sum(square(grad(sum(square(y)), [input])[0])), [input]);
    expect(again(scaledDotProductAttention(q, q, q), q)).toThrow(
      'call scaledDotProductAttention with { flash: false }',
    );
    expect(again(scaledDotProductAttention(q, q, q, { flash: false }), q)).not.toThrow();
    const weights = [{ weightIh: states, weightHh: new Input('w', spec([3, 3])) }];
    const steps = (fused: boolean) => rnn(new Input('x', spec([5, 2, 4])), weights, { fused }).output;
    expect(again(steps(true), states)).toThrow('call rnn, lstm or gru with { fused: false }');
    expect(again(steps(false), states)).not.toThrow();
  });

  test('every op record without a gradient returns bools or indices, or says what to do instead', () => {
    const silent = [...records].filter(({ vjp, noGradient }) => vjp === 'none' && !noGradient).map(({ name }) => name);
    const comparisons = ['eq', 'ge', 'gt', 'le', 'lt', 'ne'];
    // massThreshold is only used in comparisons; fused nodes are created after grad().
    expect(silent.sort()).toEqual(['argmax', 'argmin', 'argsort', ...comparisons, 'fused', 'massThreshold'].sort());
  });
});

describe('higher derivatives', () => {
  const f = (x: Tensor) => sum(mul(tanh(x), square(x)));
  const derivative = (x: Tensor) => grad(f(x), [x])[0];
  const points = [-2.5, -1, -0.125, 0, 0.5, 1.25, 3];

  test('the second derivative of tanh(x) · x² matches finite differences of the first', async () => {
    /** A power of two, so that adding it does not round. */
    const h = 2 ** -10;
    const { second, quotient } = await evaluate((x) => {
      const moved = (steps: number) => derivative(add(x, steps * h));
      const near = add(moved(1), mul(moved(-1), -1));
      const far = add(moved(2), mul(moved(-2), -1));
      return {
        second: grad(sum(derivative(x)), [x])[0],
        quotient: mul(add(mul(near, 8), mul(far, -1)), 1 / (12 * h)),
      };
    }, points);
    // The fourth-order formula has an error of h⁴/30 · f⁽⁶⁾, below 1e-11 here, and float64 rounding of 2^-52 · 20 / h, also
    // about 1e-11. Its constant 1/12h and the results are rounded to f32: 2^-24 of the value.
    second.forEach((value, i) =>
      expect(Math.abs(value - quotient[i])).toBeLessThanOrEqual(2 ** -22 * Math.abs(value) + 1e-10),
    );
  });

  test('the first three derivatives match their closed forms', async () => {
    const results = await evaluate((x) => {
      const first = derivative(x);
      const [second] = grad(sum(first), [x]);
      const [third] = grad(sum(second), [x]);
      return { first, second, third };
    }, points);
    points.forEach((x, i) => {
      const t = Math.tanh(x);
      const s = 1 - t * t;
      const expected = {
        first: s * x * x + 2 * x * t,
        second: -2 * t * s * x * x + 4 * x * s + 2 * t,
        third: (-2 * s * s + 4 * t * t * s) * x * x - 12 * x * t * s + 6 * s,
      };
      for (const [order, value] of Object.entries(expected)) {
        // Computed in float64 and rounded once to f32; 1e-12 covers float64's rounding near 0.
        expect(Math.abs(results[order][i] - value), `${order} at ${x}`).toBeLessThanOrEqual(
          2 ** -23 * Math.abs(value) + 1e-12,
        );
      }
    });
  });
});
