// Attention with its flash kernels and as a composition, and blocks at run-time places.

import { describe } from 'vitest';
import { casesOf, testOp, testOps } from '../harness/test-op.ts';
import { attention, callAttention } from './specs/attention.ts';

testOps(attention);

describe('without flash', () => {
  const spec = attention.scaledDotProductAttention;
  const cases = casesOf('scaledDotProductAttention', spec).filter((_, i) => [0, 2, 4, 6, 10, 12, 17].includes(i));
  const call: typeof spec.call = (inputs, attrs) => callAttention(inputs, { ...attrs, flash: false });
  testOp('scaledDotProductAttention without flash', { call, wrong: 'nothing', cases });
});
