// Coverage: the specs beside this file reach every op record and public function of src/ops.

import { beforeAll, expect, test } from 'vitest';
import { topologicalOrder } from '../../src/core/graph.ts';
import { trace, RandomState } from '../../src/core/trace.ts';
import { Input } from '../../src/core/tensor.ts';
import type { Op } from '../../src/core/op.ts';
import * as publicOps from '../../src/ops/index.ts';
import { fusedOp } from '../../src/ops/elementwise/fused.ts';
import { maxPool2dPickOp } from '../../src/ops/conv/pool2d.ts';
import { records } from '../harness/records.ts';
import { casesOf, traceCase } from '../harness/test-op.ts';
import { opSpecs } from './specs/index.ts';

/** Random numbers have no reference values: random.test.ts tests their properties. */
const randomOps = [
  'bernoulli',
  'categorical',
  'dropout',
  'multinomial',
  'normal',
  'permutation',
  'randint',
  'sampleLogits',
  'uniform',
];

/** The op records in the graphs of each spec's cases, forward and in gradients. */
const reached = new Map<Op, { forward: boolean }>();

beforeAll(() => {
  const note = (op: Op, forward: boolean) =>
    reached.set(op, { forward: forward || (reached.get(op)?.forward ?? false) });
  for (const [name, spec] of Object.entries(opSpecs)) {
    for (const one of casesOf(name, spec)) {
      const inputs = one.inputs.map((input, i) => new Input(`in${i}`, input));
      const cotangent = one.cotangent && new Input('cotangent', one.cotangent);
      const { out, ...gradients } = traceCase(spec, one, inputs, cotangent);
      const forward = new Set(topologicalOrder([out]));
      for (const node of topologicalOrder([out, ...Object.values(gradients)])) note(node.op, forward.has(node));
    }
  }
  const draws = () => [publicOps.uniform([2]), publicOps.randint(0, 2, [2])];
  trace(() => topologicalOrder(draws()).forEach(({ op }) => note(op, true)), new RandomState(0));
});

test('every public function has a spec', () => {
  expect(Object.keys(opSpecs).concat(randomOps).sort()).toEqual(Object.keys(publicOps).sort());
});

test('every spec has cases, with gradients if the op has one', () => {
  for (const [name, spec] of Object.entries(opSpecs)) {
    const cases = casesOf(name, spec);
    expect([name, cases.length]).not.toEqual([name, 0]);
    const record = [...records].find((op) => op.name === name);
    if (record && record.vjp !== 'none' && !spec.cases) {
      expect([name, cases.some(({ gradients }) => gradients.some(Boolean))]).toEqual([name, true]);
    }
  }
});

test('every op record that cases reach is exported', () => {
  expect([...reached.keys()].filter((op) => !records.has(op)).map(({ name }) => name)).toEqual([]);
});

test('op records have unique names', () => {
  const names = [...records].map(({ name }) => name);
  expect(names.length).toBeGreaterThan(40);
  expect(names.sort()).toEqual([...new Set(names)].sort());
});

test('every op record is covered by cases; those without a public function in gradients', () => {
  // fusedOp is made by the fusion pass: see tests/runtime.
  // maxPool2dPickOp occurs only in second derivatives: see tests/autograd/second-derivatives.test.ts.
  const expected = [...records].filter((op) => op !== fusedOp && op !== maxPool2dPickOp);
  const missing = expected.filter((op) => !reached.has(op)).map(({ name }) => name);
  expect(missing).toEqual([]);
  const onlyInGradients = expected.filter((op) => !reached.get(op)!.forward).map(({ name }) => name);
  expect(onlyInGradients.filter((name) => name in publicOps)).toEqual([]);
});
