// Coverage of verify: every public op, op record and kernel variant has a case.

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

/** Ops without cases. Keep it empty. */
const waiting: readonly string[] = [];

/** The nodes of the op tests' cases. */
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

/** `record variant` for all variants of the nodes, on a full-featured and a minimal GPU. */
const variantsOf = (all: readonly Node[]): Set<string> =>
  new Set(
    all.flatMap((node) =>
      [gpu, simple].flatMap((device) => variantNames(node, device).map((name) => `${node.op.name} ${name}`)),
    ),
  );

test('every public op has cases with unique names, and tolerances', () => {
  const missing = Object.keys(publicOps).filter((name) => !(name in verifyCases) && !waiting.includes(name));
  expect(missing).toEqual([]);
  for (const [op, cases] of Object.entries(verifyCases)) {
    expect([op, cases.length]).not.toEqual([op, 0]);
    const names = cases.map(({ name }) => name);
    expect([op, [...new Set(names)]]).toEqual([op, names]);
    expect(() => toleranceOf(op, 'gpu', 'output', 'f16')).not.toThrow();
  }
});

test('every op record that runs on a GPU has a case', () => {
  const reached = new Set([...nodes, ...testedNodes(waiting)].map(({ op }) => op));
  const missing = [...records].filter((op) => op !== fusedOp && !reached.has(op)).map(({ name }) => name);
  expect(missing).toEqual([]);
});

test('every variant available in the op tests has a case', () => {
  const tested = testedNodes(Object.keys(opSpecs));
  const reached = variantsOf([...nodes, ...testedNodes(waiting)]);
  expect([...variantsOf(tested)].filter((variant) => !reached.has(variant))).toEqual([]);
  expect(reached.size).toBeGreaterThan(20);
});

test("a record with another name has its op's tolerance, and its gradient that of the op's gradient", () => {
  expect(toleranceOfRecord('normalizeRows')).toEqual(toleranceOf('layerNorm', 'gpu', 'output'));
  expect(toleranceOfRecord('normalizeRowsGrad')).toEqual(toleranceOf('layerNorm', 'gpu', 'gradient'));
  expect(toleranceOfRecord('conv2dGradInput')).toEqual(toleranceOf('conv2d', 'gpu', 'gradient'));
});
