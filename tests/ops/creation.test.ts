// Ops that create tensors of given values.

import { expect, test } from 'vitest';
import { spec, type Tensor } from '../../src/core/tensor.ts';
import * as ops from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { testGpu } from '../harness/devices.ts';
import { testOps } from '../harness/test-op.ts';
import { creation } from './specs/creation.ts';

testOps(creation);

test('a tensor filled with one value takes no memory if it is only read', async () => {
  const build = ({ x }: { x: Tensor }) => ops.mul(ops.add(x, ops.ones([64, 64])), ops.full([64, 64], 3));
  using program = await compile(await testGpu(), build, { x: spec([64]) });
  expect(program.plan.constants.map(({ size }) => size)).toEqual([1, 1]);
  expect(program.plan.memory.pool).toEqual([4 * 64 * 64]);
  expect((await program.run({ x: new Float32Array(64).fill(2) })).data.every((value) => value === 9)).toBe(true);
});

test('given values are copied, and rounded for f16', () => {
  const values = Float32Array.of(1, 2);
  const made = ops.tensor(values);
  values.fill(9);
  expect([...made.data]).toEqual([1, 2]);
  expect(ops.tensor([1, 65520, 1e-9], { dtype: 'f16' }).data).toEqual(Uint16Array.of(0x3c00, 0x7c00, 0));
  expect(ops.tensor(Float32Array.of(-2), { dtype: 'f16' }).data).toEqual(Uint16Array.of(0xc000));
});

test('a fractional range is f32', () => {
  const { dtype, data } = ops.arange(1, { step: 0.25 });
  expect([dtype, ...data]).toEqual(['f32', 0, 0.25, 0.5, 0.75]);
  expect(ops.arange(2.5).dtype).toBe('f32');
});
