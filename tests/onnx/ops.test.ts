// Every op that has a form in ONNX gives there what it gives here: verify's cases, run by ONNX Runtime.

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

/** Cases that must be refused, with what the error says. The others of an op are compared. */
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

/** ONNX Runtime's own errors, beyond what a GPU may be off by: in how many units of f32. */
const wider: Readonly<Record<string, number>> = {
  // Its variance is the mean of squares less the square of the mean, which loses digits where the mean is large.
  layerNorm: 4096,
};

const dtypesOf = ({ inputs, dtypes }: VerifyCase): readonly DType[] =>
  inputs.some(({ dtype }) => dtype === 'f32') ? (dtypes ?? ['f32']) : ['f32'];

/** Cases as one function, without gradients; names are those of the cases and their own. */
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
    test('gives the same in ONNX Runtime', async () => {
      for (const dtype of new Set(given.flatMap(dtypesOf))) {
        const own = given.filter((one) => dtypesOf(one).includes(dtype));
        expect(await problemsWith(op, own, dtype)).toEqual([]);
      }
    });
  }

  if (given.length < cases.length) {
    test('is refused where ONNX has nothing like it', async () => {
      for (const one of cases) {
        if (!isRefused(op, one)) continue;
        const { values, fn } = together([one], dtypesOf(one)[0]);
        await expect(exportOnnx(fn, values)).rejects.toThrow(refused[op].says);
      }
    });
  }
});

test('every record that has a form in ONNX is in a case that is compared, and the others say why not', () => {
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
