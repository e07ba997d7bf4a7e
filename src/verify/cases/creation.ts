// Ops that create tensors of given values.

import type { Tensor } from '../../core/tensor.ts';
import * as ops from '../../ops/index.ts';
import { exact, type CheckTable, type OpChecks } from '../allowed.ts';

const made = (name: string, call: () => Tensor): OpChecks => ({
  ...exact,
  cases: [{ name, inputs: [], call, backward: false }],
});

export const creationChecks: CheckTable = {
  full: made('infinite', () => ops.full([3, 33], -Infinity)),
  zeros: made('rows', () => ops.zeros([3, 33])),
  ones: made('integers', () => ops.ones([3, 33], { dtype: 'u32' })),
  fullLike: made('half', () => ops.fullLike(ops.zeros([33]), 0.5)),
  zerosLike: made('integers', () => ops.zerosLike(ops.arange(33))),
  onesLike: made('booleans', () => ops.onesLike(ops.full([33], false))),
  tensor: made('nested', () => ops.tensor([[1, 2.5], [-3, 1e30]])), // prettier-ignore
};
