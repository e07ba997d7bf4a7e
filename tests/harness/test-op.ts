// The test harness of all ops: shapes, errors, CPU against PyTorch, GPU against CPU, gradients against finite differences.

import { describe, expect, test } from 'vitest';
import { grad } from '../../src/autograd/grad.ts';
import { CpuDevice } from '../../src/backends/cpu/cpu-device.ts';
import type { Device } from '../../src/backends/device.ts';
import type { TensorData, TypedArray } from '../../src/core/dtype.ts';
import { formatShape } from '../../src/core/shape.ts';
import { Input, spec, type Tensor, type TensorSpec } from '../../src/core/tensor.ts';
import { mul } from '../../src/ops/elementwise/binary.ts';
import { sum } from '../../src/ops/reductions/reduce.ts';
import { compile, type CompileOptions } from '../../src/runtime/compile.ts';
import { difference } from './compare.ts';
import { compileOnlyDevice, hasCompileOnlyDevice, testGpu } from './devices.ts';
import { finiteDifferenceErrors } from './finite-differences.ts';
import { loadCases, type OpCase } from './fixtures.ts';
import { toleranceOf, type Comparison } from '../../src/verify/tolerances.ts';
import { forEachVariant } from '../../src/verify/variants.ts';

/** Inputs that an op must reject. */
export interface WrongInputs {
  readonly inputs: readonly TensorSpec[];
  readonly attrs?: object;
  /** What the error message must contain, besides the op's name; by default the shapes of all inputs. */
  readonly says?: readonly string[];
}

/** The test of a public function. */
export interface OpSpec {
  /** Calls the function with a case's inputs and attributes. */
  // oxlint-disable-next-line typescript/no-explicit-any -- attributes come from a file.
  call(inputs: readonly Tensor[], attrs: any): Tensor;
  readonly wrong: readonly WrongInputs[] | 'nothing';
  /** Cases without PyTorch values; by default those of the op's fixture. */
  readonly cases?: readonly OpCase[];
  /** Why the gradient is not differentiable; absent if it is. */
  readonly noSecondDerivative?: string;
}

/**
 * With FIVE_TIGERS_TESTS=all every case runs on the GPU with every variant, otherwise a subset. `device` runs all, but omits
 * tests that do not depend on the device.
 */
export const runsAll = ['all', 'device'].includes(process.env.FIVE_TIGERS_TESTS ?? '');
const leavesOutTheSame = process.env.FIVE_TIGERS_TESTS === 'device';
const isQuick = ({ name }: OpCase, i: number): boolean => runsAll || i % 4 === 0 || /extreme|ties|integers/.test(name);
/** In a quick run, an op's first variant runs all of `cases`, the others every second one. */
const forVariant = (cases: readonly OpCase[], variant: number): readonly OpCase[] =>
  runsAll || variant === 0 ? cases : cases.filter((_, i) => i % 2 === 0);

/** All cases of an op. */
export const casesOf = (name: string, { cases }: OpSpec): readonly OpCase[] => cases ?? loadCases(name);

/** The sum of output times cotangent, whose gradients are those of the case. */
const weighted = (output: Tensor, cotangent: Tensor): Tensor => sum(mul(output, cotangent));

/** A case's output and gradients by name. */
export function traceCase(
  { call }: OpSpec,
  { attrs, gradients }: OpCase,
  inputs: readonly Tensor[],
  cotangent?: Tensor,
): Record<string, Tensor> {
  const output = call(inputs, attrs);
  const wanted = [...inputs.keys()].filter((i) => gradients[i]);
  const found = cotangent ? grad(weighted(output, cotangent), wanted.map((i) => inputs[i])) : []; // prettier-ignore
  return { out: output, ...Object.fromEntries(wanted.map((i, at) => [`grad${i}`, found[at]])) };
}

/** All inputs of `cases`, by names that include the case. */
function namedInputs(cases: readonly OpCase[]): Map<string, TensorData> {
  return new Map(
    cases.flatMap(({ name, inputs, cotangent }) => [
      ...inputs.map((input, i) => [`${name}/in${i}`, input] as const),
      ...(cotangent ? [[`${name}/cotangent`, cotangent] as const] : []),
    ]),
  );
}

const leaves = (specs: readonly TensorSpec[]): Input[] => specs.map((input, i) => new Input(`in${i}`, input));

/** Compiles all `cases` into one program; outputs are named `CASE/out` and `CASE/grad0`. */
function compileCases(device: Device, opSpec: OpSpec, cases: readonly OpCase[], options?: CompileOptions) {
  const build = (tensors: Record<string, Tensor>) => {
    const outputs = cases.flatMap((one) => {
      const inputs = one.inputs.map((_, i) => tensors[`${one.name}/in${i}`]);
      const results = traceCase(opSpec, one, inputs, tensors[`${one.name}/cotangent`]);
      return Object.entries(results).map(([name, tensor]) => [`${one.name}/${name}`, tensor] as const);
    });
    return Object.fromEntries(outputs);
  };
  const specs = [...namedInputs(cases)].map(([name, { shape, dtype }]) => [name, spec(shape, dtype)] as const);
  return compile(device, build, Object.fromEntries(specs), options);
}

async function runCases(device: Device, opSpec: OpSpec, cases: readonly OpCase[], options?: CompileOptions) {
  const program = await compileCases(device, opSpec, cases, options);
  const inputs: Record<string, TypedArray> = {};
  for (const [name, { data }] of namedInputs(cases)) inputs[name] = data;
  const results = await program.run(inputs);
  program.dispose();
  return results;
}

/** The problems of a comparison, one line per tensor. */
function problems(
  op: string,
  comparison: Comparison,
  actual: Readonly<Record<string, TensorData>>,
  expected: Readonly<Record<string, TensorData>>,
): string[] {
  if (Object.keys(actual).length === 0) return ['nothing was computed'];
  return Object.entries(actual).flatMap(([name, value]) => {
    const part = name.endsWith('/out') ? 'output' : 'gradient';
    const found = difference(`${op} ${comparison} ${part}`, value, expected[name], toleranceOf(op, comparison, part));
    return found ? [`${name}: ${found}`] : [];
  });
}

/** The stored results of `cases`, with the names of `runCases`. */
const storedResults = (cases: readonly OpCase[]): Record<string, TensorData> =>
  Object.fromEntries(
    cases.flatMap(({ name, output, gradients }) => [
      [`${name}/out`, output] as const,
      ...gradients.flatMap((gradient, i) => (gradient ? [[`${name}/grad${i}`, gradient] as const] : [])),
    ]),
  );

/** GPUs that kernels must also compile for. */
const otherGpus = [
  { software: false, subgroups: true, f16: true },
  { software: true, subgroups: false, f16: false },
  ...(runsAll ? [{ software: false, subgroups: false, f16: false }] : []),
];

/** Declares an op's tests. */
export function testOp(name: string, opSpec: OpSpec): void {
  const cases = casesOf(name, opSpec);
  const finite = cases.filter((one) => !one.nonFinite);
  const onGpu = finite.filter(isQuick);

  describe(name, () => {
    const testOnce = (isAny = true) => test.runIf(isAny && !leavesOutTheSame);

    testOnce()('has the shape and type of the reference', () => {
      for (const one of cases) {
        const { shape, dtype } = opSpec.call(leaves(one.inputs), one.attrs);
        expect({ case: one.name, shape, dtype }).toEqual({ case: one.name, shape: one.output.shape, dtype: one.output.dtype }); // prettier-ignore
      }
    });

    const refused = opSpec.wrong === 'nothing' ? [] : opSpec.wrong;
    testOnce(refused.length > 0)('refuses wrong inputs with an error that shows them', () => {
      for (const { inputs, attrs = {}, says = inputs.map(({ shape }) => formatShape(shape)) } of refused) {
        const call = () => opSpec.call(leaves(inputs), attrs);
        for (const part of [name, ...says]) expect(call).toThrow(part);
      }
    });

    testOnce()('computes on the CPU what PyTorch computes', async () => {
      const results = await runCases(new CpuDevice(), opSpec, cases);
      expect(problems(name, 'cpu', results, storedResults(cases))).toEqual([]);
    });

    const smooth = finite.filter((one) => one.cotangent && one.finiteDifferences !== false && !isEmpty(one));
    testOnce(smooth.length > 0)('has the gradients that finite differences show', async () => {
      const found: string[] = [];
      for (const one of smooth) {
        const f = (inputs: readonly Tensor[]) => opSpec.call(inputs, one.attrs);
        const orders = opSpec.noSecondDerivative ? ([1] as const) : ([1, 2] as const);
        for (const order of orders) {
          const errors = await finiteDifferenceErrors(name, f, one, order);
          found.push(...errors.map((error) => `${one.name}, derivative ${order}: ${error}`));
        }
      }
      expect(found).toEqual([]);
    });

    // Drivers based on LLVM compile some kernels for seconds, unless cached.
    const timeout = runsAll ? 1_800_000 : 120_000;
    test('matches the CPU on the GPU, with every variant', { timeout }, async () => {
      const expected = await runCases(new CpuDevice(), opSpec, onGpu);
      const gpu = await testGpu();
      const found: string[] = [];
      await forEachVariant(async (chooseVariant, index) => {
        const results = await runCases(gpu, opSpec, forVariant(onGpu, index), { chooseVariant });
        found.push(...problems(name, 'gpu', results, expected).map((problem) => `variant ${index}, ${problem}`));
      });
      expect(found).toEqual([]);
    });

    testOnce(hasCompileOnlyDevice)('compiles for other GPUs, every variant', async () => {
      for (const capabilities of otherGpus) {
        const device = await compileOnlyDevice(capabilities);
        await forEachVariant(async (chooseVariant) =>
          (await compileCases(device, opSpec, cases, { chooseVariant })).dispose(),
        );
      }
    });
  });
}

const isEmpty = ({ inputs }: OpCase): boolean => inputs.some(({ shape }) => shape.includes(0));

/** Declares the tests of a table of ops. */
export function testOps(specs: Readonly<Record<string, OpSpec>>): void {
  for (const [name, opSpec] of Object.entries(specs)) testOp(name, opSpec);
}
