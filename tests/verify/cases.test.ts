// Nobody's GPU is left with a kernel that verify does not reach: every public op, every record, every variant has a case.

import { expect, test } from 'vitest';
import type { Capabilities } from '../../src/core/kernel.ts';
import type { Node } from '../../src/core/tensor.ts';
import * as publicOps from '../../src/ops/index.ts';
import { verifyCases } from '../../src/verify/cases/index.ts';
import { nodesOf, traceCase } from '../../src/verify/trace-case.ts';
import { toleranceOf, toleranceOfRecord } from '../../src/verify/tolerances.ts';
import { variantNames } from '../../src/verify/variants.ts';
import { records } from '../harness/records.ts';
import { casesOf, traceCase as traceFixture } from '../harness/test-op.ts';
import { Input } from '../../src/core/tensor.ts';
import { topologicalOrder } from '../../src/core/graph.ts';
import { fusedOp } from '../../src/ops/elementwise/fused.ts';
import { opSpecs } from '../ops/specs/index.ts';

const limits = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
};
const subgroupMatrix = (['f16', 'f32'] as const).map((component) => ({ component, result: 'f32', M: 8, N: 8, K: 8 }));
const gpu: Capabilities = {
  software: false,
  f16: true,
  subgroups: true,
  subgroupMaxSize: 32,
  subgroupMatrix,
  ...limits,
};
const simple: Capabilities = {
  software: true,
  f16: false,
  subgroups: false,
  subgroupMaxSize: 0,
  subgroupMatrix: [],
  ...limits,
};

/** Ops that have no cases yet. May it become empty: nothing is to be added. */
const waiting: readonly string[] = [];

/** Nodes of the cases of the op tests. */
const testedNodes = (names: readonly string[]): Node[] =>
  names.flatMap((name) =>
    casesOf(name, opSpecs[name]).flatMap((one) => {
      const inputs = one.inputs.map((input, i) => new Input(`in${i}`, input));
      const cotangent = one.cotangent && new Input('cotangent', one.cotangent);
      return topologicalOrder(Object.values(traceFixture(opSpecs[name], one, inputs, cotangent)));
    }),
  );

const allCases = Object.entries(verifyCases).flatMap(([op, cases]) => cases.map((one) => ({ op, one })));
const nodes = allCases.flatMap(({ one }) => Object.values(nodesOf(traceCase(one, one.dtypes?.[0] ?? 'f32'))).flat());

/** `record variant` of all that nodes offer, on a full GPU and on the simplest. */
const variantsOf = (all: readonly Node[]): Set<string> =>
  new Set(
    all.flatMap((node) =>
      [gpu, simple].flatMap((device) => variantNames(node, device).map((name) => `${node.op.name} ${name}`)),
    ),
  );

test('every public op has cases, with names of their own and tolerances', () => {
  const missing = Object.keys(publicOps).filter((name) => !(name in verifyCases) && !waiting.includes(name));
  expect(missing).toEqual([]);
  for (const [op, cases] of Object.entries(verifyCases)) {
    expect([op, cases.length]).not.toEqual([op, 0]);
    const names = cases.map(({ name }) => name);
    expect([op, [...new Set(names)]]).toEqual([op, names]);
    expect(() => toleranceOf(op, 'gpu', 'output', 'f16')).not.toThrow();
  }
});

test('every record that can run on a GPU is reached', () => {
  const reached = new Set([...nodes, ...testedNodes(waiting)].map(({ op }) => op));
  const missing = [...records].filter((op) => op !== fusedOp && !reached.has(op)).map(({ name }) => name);
  expect(missing).toEqual([]);
});

test('every variant that the cases of the op tests are offered is reached', () => {
  const tested = testedNodes(Object.keys(opSpecs));
  const reached = variantsOf([...nodes, ...testedNodes(waiting)]);
  expect([...variantsOf(tested)].filter((variant) => !reached.has(variant))).toEqual([]);
  expect(reached.size).toBeGreaterThan(20);
});

test("a record of another name is allowed what its op is, and its gradient what the op's gradient is", () => {
  expect(toleranceOfRecord('normalizeRows')).toEqual(toleranceOf('layerNorm', 'gpu', 'output'));
  expect(toleranceOfRecord('normalizeRowsGrad')).toEqual(toleranceOf('layerNorm', 'gpu', 'gradient'));
  expect(toleranceOfRecord('conv2dGradInput')).toEqual(toleranceOf('conv2d', 'gpu', 'gradient'));
});
