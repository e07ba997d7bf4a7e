// Every op that can be exported computes the same in ONNX Runtime, on verify's cases.

import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import { isFloat, type DType, type TensorData, type TypedArray } from '../../src/core/dtype.ts';
import { topologicalOrder } from '../../src/core/graph.ts';
import type { Op } from '../../src/core/op.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { exportOnnx } from '../../src/onnx/export.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { VerifyCase } from '../../src/verify/case.ts';
import { verifyCases } from '../../src/verify/cases/index.ts';
import { deviation } from '../../src/verify/compare.ts';
import { toleranceOf, units } from '../../src/verify/tolerances.ts';
import { traceCase } from '../../src/verify/trace-case.ts';
import { problemsOf } from '../harness/onnx-check.ts';
import { runOnnx } from '../harness/onnx.ts';
import { records } from '../harness/records.ts';

/** Cases that cannot be exported, with the expected error. The op's other cases are compared. */
const refused: Readonly<Record<string, { readonly cases?: readonly string[]; readonly says: string }>> = {
  bernoulli: { says: 'random numbers' },
  categorical: { says: 'random numbers' },
  dropout: { says: 'random numbers' },
  multinomial: { says: 'random numbers' },
  normal: { says: 'random numbers' },
  permutation: { says: 'random numbers' },
  randint: { says: 'random numbers' },
  uniform: { says: 'random numbers' },
  sampleLogits: { cases: ['plain', 'everything'], says: 'random numbers' },
  scaledDotProductAttention: { cases: ['dropped'], says: 'random numbers' },
  crossEntropy: { cases: ['rows', 'mean'], says: 'export the logits instead' },
  maxPool2d: { cases: ['second derivative'], says: 'export the forward function' },
};

/** ONNX Runtime's own errors beyond a GPU's tolerance, in units of f32 epsilon. */
const wider: Readonly<Record<string, number>> = {
  // It computes the variance as E[x²] - E[x]², which loses digits if the mean is large.
  layerNorm: 4096,
};

const dtypesOf = ({ inputs, dtypes }: VerifyCase): readonly DType[] =>
  inputs.some(({ dtype }) => dtype === 'f32') ? (dtypes ?? ['f32']) : ['f32'];

/** All cases as one function, without gradients; names combine the case's and its own. */
function together(cases: readonly VerifyCase[], dtype: DType) {
  const plain = cases.map((one): VerifyCase => ({ ...one, backward: false }));
  const named = <T>(one: VerifyCase, record: Readonly<Record<string, T>>) =>
    Object.entries(record).map(([name, value]) => [`${one.name}/${name}`, value] as const);
  const values: Record<string, TensorData> = Object.fromEntries(
    plain.flatMap((one) => named(one, traceCase(one, dtype).values)),
  );
  const fn = (tensors: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(
      plain.flatMap((one) => named(one, traceCase(one, dtype, (name) => tensors[`${one.name}/${name}`]).results)),
    );
  return { values, fn };
}

async function problemsWith(op: string, cases: readonly VerifyCase[], dtype: DType): Promise<string[]> {
  const { values, fn } = together(cases, dtype);
  const model = await exportOnnx(fn, values);
  const [actual] = await runOnnx(model, [values]);
  const program = await compile(new CpuDevice(), fn, values);
  const data = Object.entries(values).map(([name, value]): [string, TypedArray] => [name, value.data]);
  const expected = await program.run(Object.fromEntries(data));
  const { absolute, relative } = op in wider ? units(wider[op]) : toleranceOf(op, 'gpu', 'output', dtype);
  const compared = Object.entries(expected).flatMap(([name, value]) => {
    const allowed = isFloat(value.dtype) ? { absolute: 4 * absolute, relative: 4 * relative } : units(0);
    const { problem } = deviation(actual[name], value, allowed);
    return problem ? [`${dtype} ${name}: ${problem}`] : [];
  });
  return [...problemsOf(model), ...compared];
}

const isRefused = (op: string, { name }: VerifyCase): boolean =>
  op in refused && (refused[op].cases?.includes(name) ?? true);

describe.each(Object.entries(verifyCases))('%s', (op, cases) => {
  const given = cases.filter((one) => !isRefused(op, one));

  if (given.length > 0) {
    test('computes the same in ONNX Runtime', async () => {
      for (const dtype of new Set(given.flatMap(dtypesOf))) {
        const own = given.filter((one) => dtypesOf(one).includes(dtype));
        expect(await problemsWith(op, own, dtype)).toEqual([]);
      }
    });
  }

  if (given.length < cases.length) {
    test('is an error where it cannot be exported', async () => {
      for (const one of cases) {
        if (!isRefused(op, one)) continue;
        const { values, fn } = together([one], dtypesOf(one)[0]);
        await expect(exportOnnx(fn, values)).rejects.toThrow(refused[op].says);
      }
    });
  }
});

test('every op record that can be exported has a compared case, and the others say why not', () => {
  const compared = new Set<Op>();
  for (const [op, cases] of Object.entries(verifyCases)) {
    for (const one of cases) {
      if (isRefused(op, one)) continue;
      const { results } = traceCase({ ...one, backward: false }, dtypesOf(one)[0]);
      for (const node of topologicalOrder(Object.values(results))) compared.add(node.op);
    }
  }
  const missing = [...records].filter(({ onnx }) => !(typeof onnx === 'object' && 'none' in onnx));
  expect(missing.filter((op) => !compared.has(op)).map(({ name }) => name)).toEqual([]);
  for (const { onnx } of records) if (typeof onnx === 'object' && 'none' in onnx) expect(onnx.none).toMatch(/\.$/);
});
