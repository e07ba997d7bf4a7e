// Fusion: which ops become one kernel, in a valid order of execution and with the same results.

import { describe, expect, test } from 'vitest';
import { wgslSource } from '../../src/backends/webgpu/wgsl-source.ts';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import {
  add, cast, conv2d, div, gt, matmul, max, maximum, mul, reshape, sigmoid, softmax, sub, sum, tanh, where,
} from '../../src/ops/index.ts'; // prettier-ignore
import { expectClose, randomValues, runEverywhere } from './everywhere.ts';
import { kernelNames, planOf } from './plan-of.ts';

interface Case {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  build(x: Record<string, Tensor>): Record<string, Tensor>;
  /** The kernels, in order of execution. */
  readonly kernels: readonly string[];
  /** Their number without fusion. */
  readonly unfused: number;
}

/** `count` inputs of `shape`, named x0, x1 … */
const many = (count: number, shape: readonly number[]) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, shape]));

const square = { a: [4, 4], b: [4, 4] };

const elementwise: Record<string, Case> = {
  'a chain': {
    shapes: square,
    build: ({ a, b }) => ({ y: tanh(add(mul(a, b), 0.5)) }),
    kernels: ['pointwise.mul+add+tanh'],
    unfused: 3,
  },
  'a diamond': {
    shapes: square,
    build({ a }) {
      const top = tanh(a);
      return { y: mul(add(top, 1), sub(top, 2)) };
    },
    kernels: ['pointwise.tanh+add+sub+mul'],
    unfused: 4,
  },
  'a value that is also an output': {
    shapes: square,
    build({ a }) {
      const middle = tanh(a);
      return { middle, y: mul(middle, 3) };
    },
    kernels: ['pointwise.tanh+mul'],
    unfused: 2,
  },
  'two consumers that do not fuse with each other': {
    shapes: square,
    build({ a, b }) {
      const shared = tanh(a);
      return { y: matmul(shared, b), z: softmax(shared) };
    },
    kernels: ['pointwise.tanh', 'matmul.register', 'softmax.serial'],
    unfused: 3,
  },
  'two consumers and several outputs': {
    shapes: square,
    build({ a, b }) {
      const shared = add(a, b);
      return { sum: tanh(shared), larger: gt(shared, 0), whole: cast(mul(shared, 10), 'i32') };
    },
    kernels: ['pointwise.add+tanh+gt+mul+cast'],
    unfused: 5,
  },
  'broadcast operands': {
    shapes: { ...square, row: [4], column: [4, 1], one: [] },
    build: ({ a, row, column, one }) => ({ y: mul(add(mul(a, row), column), one) }),
    kernels: ['pointwise.mul+add'],
    unfused: 3,
  },
  'a small broadcast chain is not fused, as it would be recomputed for each element': {
    shapes: { ...square, row: [4] },
    build: ({ a, row }) => ({ y: tanh(mul(a, sigmoid(row))) }),
    kernels: ['pointwise.sigmoid', 'pointwise.mul+tanh'],
    unfused: 3,
  },
  'an op used before and after a product is not fused with it': {
    shapes: square,
    build({ a }) {
      const before = tanh(a);
      return { y: mul(softmax(before), before) };
    },
    kernels: ['pointwise.tanh', 'softmax.serial', 'pointwise.mul'],
    unfused: 3,
  },
};

const hosted: Record<string, Case> = {
  'after a product': {
    shapes: { ...square, row: [4] },
    build: ({ a, b, row }) => ({ y: tanh(add(matmul(a, b), row)) }),
    kernels: ['matmul.register+add+tanh'],
    unfused: 3,
  },
  'after a product, stored one by one': {
    shapes: { a: [3, 4], b: [4, 3], row: [3] },
    build: ({ a, b, row }) => ({ y: tanh(add(matmul(a, b), row)) }),
    kernels: ['matmul.register+add+tanh'],
    unfused: 3,
  },
  'after a product that is also an output': {
    shapes: square,
    build({ a, b }) {
      const product = matmul(a, b);
      return { product, y: add(product, a) };
    },
    kernels: ['matmul.register+add'],
    unfused: 2,
  },
  'after a product, bool outputs': {
    shapes: square,
    build({ a, b }) {
      const product = matmul(a, b);
      const positive = gt(product, 0);
      const y = where(positive, product, b);
      return { positive, y, whole: cast(y, 'i32') };
    },
    kernels: ['matmul.register+gt+where+cast'],
    unfused: 4,
  },
  'after a product, bool outputs stored one by one': {
    shapes: { a: [3, 4], b: [4, 3], c: [3, 3] },
    build({ a, b, c }) {
      const product = matmul(a, b);
      const positive = gt(product, 0);
      return { positive, y: where(positive, product, c) };
    },
    kernels: ['matmul.register+gt+where'],
    unfused: 3,
  },
  'after a product, a bool tensor as operand': {
    shapes: square,
    build: ({ a, b }) => ({ y: where(gt(softmax(a), 0.25), matmul(a, b), 0) }),
    kernels: ['softmax.serial', 'matmul.register+gt+where'],
    unfused: 4,
  },
  'around a product with a skip connection: ops before it do not fuse with ops after it': {
    shapes: square,
    build({ a, b }) {
      const before = tanh(a);
      return { y: sigmoid(add(matmul(before, b), before)) };
    },
    kernels: ['pointwise.tanh', 'matmul.register+add+sigmoid'],
    unfused: 4,
  },
  'not if they also depend on another kernel that reads the product': {
    shapes: square,
    build({ a, b }) {
      const product = matmul(a, b);
      return { y: add(product, softmax(product)) };
    },
    kernels: ['matmul.register', 'softmax.serial', 'pointwise.add'],
    unfused: 3,
  },
  'between two products with skip connections': {
    shapes: square,
    build({ a, b }) {
      const first = matmul(a, b);
      const second = matmul(tanh(first), b);
      return { y: add(mul(first, second), second) };
    },
    kernels: ['matmul.register+tanh', 'matmul.register+mul+add'],
    unfused: 5,
  },
  'the sum of two products fuses into one of them': {
    shapes: square,
    build: ({ a, b }) => ({ y: tanh(add(matmul(a, b), matmul(b, a))) }),
    kernels: ['matmul.register', 'matmul.register+add+tanh'],
    unfused: 4,
  },
  'after a convolution with bias': {
    shapes: { image: [1, 2, 5, 5], weight: [2, 2, 2, 2], bias: [2], gain: [2, 1, 1] },
    build: ({ image, weight, bias, gain }) => ({ y: tanh(mul(conv2d(image, weight, bias), gain)) }),
    kernels: ['conv2d.direct+mul+tanh'],
    unfused: 3,
  },
  'after a sum, and after a maximum': {
    shapes: square,
    build: ({ a }) => ({ y: div(1, add(sum(mul(a, a), 1), 1)), z: maximum(max(a, 0), 0.5) }),
    kernels: ['pointwise.mul', 'sum.serial+add+div', 'max.serial+maximum'],
    unfused: 6,
  },
  'not through a view': {
    shapes: square,
    build: ({ a, b }) => ({ y: tanh(reshape(matmul(a, b), [16])) }),
    kernels: ['matmul.register', 'pointwise.tanh'],
    unfused: 2,
  },
};

const limits: Record<string, Case> = {
  'seven inputs and an output are one kernel': {
    shapes: many(7, [4, 4]),
    build: (x) => ({ y: Object.values(x).reduce((a, b) => add(a, b)) }),
    kernels: ['pointwise.add'],
    unfused: 6,
  },
  'ten inputs need two kernels': {
    shapes: many(10, [4, 4]),
    build: (x) => ({ y: Object.values(x).reduce((a, b) => add(a, b)) }),
    kernels: ['pointwise.add', 'pointwise.add'],
    unfused: 9,
  },
  'eight outputs exceed the binding limit with their input': {
    shapes: square,
    build({ a }) {
      const shared = tanh(a);
      return Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`y${i}`, mul(shared, i + 2)]));
    },
    kernels: ['pointwise.tanh+mul', 'pointwise.mul', 'pointwise.mul'],
    unfused: 9,
  },
  'an operand of both a product and the ops after it is bound twice': {
    shapes: many(6, [4, 4]),
    build: (x) => ({ y: Object.values(x).reduce((sum_, b) => add(sum_, b), matmul(x.x0, x.x1)) }),
    kernels: ['matmul.register', 'pointwise.add'],
    unfused: 7,
  },
};

const groups = { elementwise, hosted, limits };
const specsOf = ({ shapes }: Case) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, spec(shape)]));

for (const [group, cases] of Object.entries(groups)) {
  describe(group, () => {
    test.each(Object.entries(cases))('%s', async (_, one) => {
      const plan = await planOf(one.build, specsOf(one));
      expect(kernelNames(plan)).toEqual(one.kernels);
      const bindings = plan.steps.flatMap(({ kernels }) =>
        kernels.map(({ inputs, outputs }) => [...inputs, ...outputs].filter(Boolean).length),
      );
      expect(Math.max(...bindings)).toBeLessThanOrEqual(8);
      expect(kernelNames(await planOf(one.build, specsOf(one), { fuse: false }))).toHaveLength(one.unfused);
    });

    test('results match separate ops and the CPU', async () => {
      const named = Object.entries(cases).map(([name, one]) => [name, one] as const);
      const specs = Object.fromEntries(
        named.flatMap(([name, one]) => Object.entries(specsOf(one)).map(([x, s]) => [`${name}/${x}`, s])),
      );
      const build = (inputs: Record<string, Tensor>) =>
        Object.fromEntries(
          named.flatMap(([name, one]) => {
            const own = Object.fromEntries(Object.keys(one.shapes).map((x) => [x, inputs[`${name}/${x}`]]));
            return Object.entries(one.build(own)).map(([y, tensor]) => [`${name}/${y}`, tensor]);
          }),
        );
      const { fused, unfused, cpu } = await runEverywhere(build, specs, randomValues(specs));
      expectClose('fusion', fused, unfused, () => FEW_ROUNDINGS);
      expectClose('fusion cpu', fused, cpu, () => FEW_ROUNDINGS);
    });
  });
}

test('kernels that store f16 in fours enable the extension', async () => {
  const half: Case['build'] = ({ a, b }) => ({ y: cast(matmul(a, b), 'f16') });
  const { steps } = await planOf(half, { a: spec([4, 4]), b: spec([4, 4]) });
  expect(steps).toHaveLength(1);
  expect(wgslSource(steps[0].kernels[0])).toMatch(/^enable f16;[^]*array<vec4<f16>>/);
});

/**
 * These graphs have at most ten consecutive roundings of values below 16, and tanh and exp add a few ulp (WGSL allows more,
 * real GPUs are better): 32 · 2^-24 of 16 or of the value.
 */
const FEW_ROUNDINGS = { absolute: 2 ** -15, relative: 2 ** -19 };
