// Shorthands for inputs that an op must reject.

import type { DType } from '../../../src/core/dtype.ts';
import { spec, type TensorSpec } from '../../../src/core/tensor.ts';
import type { WrongInputs } from '../../harness/test-op.ts';

/** f32 inputs of these shapes. */
export const shaped = (...shapes: number[][]): TensorSpec[] => shapes.map((shape) => spec(shape));

/** Inputs of these dtypes, which the error must name. */
export const wrongTypes = (...dtypes: DType[]): WrongInputs => ({
  inputs: dtypes.map((dtype) => spec([2], dtype)),
  says: dtypes,
});

/** An axis that [2, 3] does not have. */
export const noAxis = (attrs: object): WrongInputs => ({ inputs: shaped([2, 3]), attrs, says: ['axis 2', '2 axes'] });
