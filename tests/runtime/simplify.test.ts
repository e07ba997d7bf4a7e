// Simplification: equal nodes are computed once, constants at compile time, and nothing else changes.

import { expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { Buffer } from '../../src/core/parameter.ts';
import { fill, Scalar, spec, type Tensor } from '../../src/core/tensor.ts';
import { assign } from '../../src/core/trace.ts';
import {
  add, concat, exp, expand, matmul, mul, neg, reshape, softmax, square, sub, sum, tanh, transpose, uniform, where, gt,
} from '../../src/ops/index.ts'; // prettier-ignore
import { memoryProblems } from './check-memory.ts';
import { expectClose, randomValues, runEverywhere } from './everywhere.ts';
import { kernelNames, planOf } from './plan-of.ts';

const matrix = { a: spec([4, 4]), b: spec([4, 4]) };
type Inputs = Record<string, Tensor>;
const kernels = async (build: (inputs: Inputs) => Record<string, Tensor>) => kernelNames(await planOf(build, matrix));

test('equal nodes are computed once, at any depth', async () => {
  const twice = ({ a, b }: Inputs) => {
    const one = matmul(tanh(mul(a, 2)), b);
    const same = matmul(tanh(mul(a, 2)), b);
    return { y: softmax(one), z: sum(same) };
  };
  expect(await kernels(twice)).toEqual(['pointwise.mul+tanh', 'matmul.register', 'softmax.serial', 'sum.serial']);
});

test('nodes with different attributes, inputs or input order are all computed', async () => {
  expect(await kernels(({ a }) => ({ x: sum(a, 0), y: sum(a, 1), z: sum(a, 0, true) }))).toHaveLength(3);
  expect(await kernels(({ a, b }) => ({ x: matmul(a, b), y: matmul(b, a) }))).toHaveLength(2);
  const plan = await planOf(({ a }) => ({ x: mul(a, 0), y: mul(a, -0) }), matrix);
  expect(plan.steps).toHaveLength(2);
});

test('random draws, and scalars of equal value, are never merged', async () => {
  const draws = await planOf(() => ({ x: uniform([4]), y: uniform([4]) }), {});
  expect(draws.steps.flatMap(({ outputs }) => outputs).filter(({ shape }) => shape[0] === 4)).toHaveLength(2);
  const [p, q] = [new Scalar('p', 1), new Scalar('q', 1)];
  expect((await planOf(() => ({ x: exp(p), y: exp(q) }), {})).scalars).toHaveLength(2);
});

test('constant expressions are computed at compile time', async () => {
  const plan = await planOf(({ a }) => ({ y: mul(a, exp(neg(square(fill([], 2))))) }), matrix);
  expect(kernelNames(plan)).toEqual(['pointwise.mul']);
  const table = await planOf(
    ({ a }) => ({ y: matmul(a, transpose(concat([fill([2, 4], 1), fill([2, 4], 3)]))) }),
    matrix,
  );
  expect(kernelNames(table)).toEqual(['matmul.register']);
  expect(table.constants.map(({ data }) => Array.from(data.slice(0, 4)))).toEqual([[1, 1, 3, 3]]);
});

test('a constant that would grow stays a scalar', async () => {
  const plan = await planOf(({ a }) => ({ y: sub(a, sum(expand(fill([], 0.5), [400, 400]), 0, true)) }), {
    a: spec([400]),
  });
  expect(plan.constants.every(({ size }) => size <= 1024)).toBe(true);
});

test('outputs and updates merged to one tensor or a constant keep their values', async () => {
  const build = ({ a, b }: Inputs) => ({
    x: add(a, b),
    same: add(a, b),
    shaped: reshape(add(a, b), [16]),
    constant: add(fill([2], 1), 2),
    chosen: where(gt(a, 0), tanh(b), tanh(b)),
    slope: grad(sum(mul(add(a, b), add(a, b))), [a])[0],
  });
  const { fused, unfused, cpu } = await runEverywhere(build, matrix, randomValues(matrix));
  for (const result of [fused, unfused])
    expectClose('simplify gpu', result, cpu, () => ({ absolute: 1e-6, relative: 1e-6 }));
  const [p, q] = [Buffer.zeros(spec([4]), { name: 'p' }), Buffer.zeros(spec([4]), { name: 'q' })];
  const plan = await planOf(() => {
    assign(p, add(q, 1));
    assign(q, add(q, 1));
    return {};
  }, {});
  expect(memoryProblems(plan)).toEqual([]);
  expect(plan.updates).toHaveLength(2);
});
