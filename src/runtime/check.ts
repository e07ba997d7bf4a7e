// Checks the inputs and outputs of compile() before anything is planned.

import { formatShape } from '../core/shape.ts';
import { Tensor, type TensorSpec } from '../core/tensor.ts';

/** @throws an Error that names the input and the axis with an invalid size. */
export function checkInputs(specs: Readonly<Record<string, TensorSpec>>): void {
  for (const [name, { shape }] of Object.entries(specs)) {
    const axis = shape.findIndex((size) => !Number.isSafeInteger(size) || size < 0);
    if (axis < 0) continue;
    throw new Error(
      `compile: input "${name}" is ${formatShape(shape)}, but sizes must be integers of at least 0; ` +
        `axis ${axis} has ${shape[axis]}.`,
    );
  }
}

/** @throws an Error that names the output that is not a tensor. */
export function checkOutputs(returned: unknown): void {
  if (returned instanceof Tensor) return;
  const expected = 'return one tensor, or an object of tensors by name';
  if (returned instanceof Promise) {
    throw new Error(`compile: the function is async, but its outputs must be known when it returns; ${expected}, without await.`); // prettier-ignore
  }
  if (typeof returned !== 'object' || returned === null) {
    throw new Error(`compile: the function returned ${String(returned)}; ${expected} ({} for updates only).`);
  }
  for (const [name, value] of Object.entries(returned)) {
    if (value instanceof Tensor) continue;
    const found = typeof value === 'object' && value !== null ? `a ${value.constructor?.name ?? 'object'}` : String(value); // prettier-ignore
    throw new Error(`compile: output "${name}" is ${found}, not a tensor; ${expected}, without nesting.`);
  }
}
