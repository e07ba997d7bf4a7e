// Checks an op case's gradients against finite differences, and records the errors.

import { Constant, type Tensor } from '../../src/core/tensor.ts';
import { mul } from '../../src/ops/elementwise/binary.ts';
import { checkGradients } from '../../src/verify/finite-differences.ts';
import { recordError } from './compare.ts';
import type { OpCase } from './fixtures.ts';

/** What is wrong with the gradients of `f`, weighted by the case's cotangent; see `checkGradients`. */
export async function finiteDifferenceErrors(
  op: string,
  f: (inputs: readonly Tensor[]) => Tensor,
  one: OpCase,
  order: 1 | 2,
): Promise<string[]> {
  const cotangent = new Constant(one.cotangent!.shape, 'f32', one.cotangent!.data);
  const wanted = [...one.inputs.keys()].filter((i) => one.gradients[i]);
  const found = await checkGradients((inputs) => [mul(f(inputs), cotangent)], one.inputs, wanted, order);
  return found.flatMap(({ part, problem }) =>
    recordError(`${op} finiteDifferences ${order}`, part) ? [] : [problem!],
  );
}
