// Plays a plan through with names in place of numbers, and tells where memory would not hold what is read from it.

import type { Plan, Step } from '../../src/backends/device.ts';
import { bytesPerElement } from '../../src/core/dtype.ts';
import type { Tensor } from '../../src/core/tensor.ts';

/** A place in memory: a buffer of the pool by its number, or a leaf's own buffer. */
type Place = number | Tensor;

/**
 * What is wrong with where a plan puts its tensors; it knows nothing of how the places were chosen. Each buffer holds the
 * tensor that was last written to it, and every read must find the one that it means.
 */
export function memoryProblems({ steps, memory, outputs, updates }: Plan): string[] {
  const problems: string[] = [];
  const held = new Map<Place, Tensor>();
  const viewed = (tensor: Tensor): Tensor => (tensor.node?.op.gpu === 'view' ? viewed(tensor.node.inputs[0]) : tensor);
  const placeOf = (tensor: Tensor): Place => {
    const storage = memory.storage.get(viewed(tensor));
    return !storage ? viewed(tensor) : 'pool' in storage ? storage.pool : storage.leaf;
  };
  const read = (tensor: Tensor, where: string) => {
    const [place, root] = [placeOf(tensor), viewed(tensor)];
    // Only a leaf is there without being written.
    const found = held.get(place) ?? (typeof place === 'number' ? undefined : place);
    if (found !== root) problems.push(`${where} reads ${root}, but finds ${found ?? 'nothing'}`);
  };
  const write = (tensor: Tensor, where: string) => {
    const place = placeOf(tensor);
    const capacity = typeof place === 'number' ? memory.pool[place] : place.size * bytesPerElement[place.dtype];
    if (capacity < tensor.size * bytesPerElement[tensor.dtype]) problems.push(`${where}: ${tensor} does not fit`);
    held.set(place, tensor);
  };

  steps.forEach((step, at) => {
    const where = `step ${at}, ${step.kernels[0]?.name ?? step.op.name},`;
    for (const input of step.inputs) read(input, where);
    const written = [...step.scratch, ...step.outputs];
    if (new Set(written.map(placeOf)).size < written.length) problems.push(`${where} writes one place twice`);
    for (const tensor of written) {
      const problem = overwritten(step, tensor, placeOf);
      if (problem) problems.push(`${where} ${problem}`);
      write(tensor, where);
    }
  });
  for (const output of outputs) read(output, 'an output');
  // Then the values that do not lie in their parameter already are copied there, in order.
  for (const { parameter, value } of updates) {
    if (placeOf(value) === parameter) continue;
    read(value, `the update of ${parameter.name}`);
    held.set(parameter, value);
  }
  for (const { parameter, value } of updates) {
    if (held.get(parameter) !== viewed(value) && held.get(parameter) !== value) {
      problems.push(`${parameter.name} holds ${held.get(parameter) ?? 'its old value'} in place of ${value}`);
    }
  }
  return problems;
}

/** What is wrong if a step writes `tensor` where an input of it lies: only the same element may be read there. */
function overwritten({ op, attrs, inputs }: Step, tensor: Tensor, placeOf: (x: Tensor) => Place): string | null {
  const sharing = [...inputs.keys()].filter((i) => placeOf(inputs[i]) === placeOf(tensor));
  if (sharing.length === 0) return null;
  const [input] = sharing.map((i) => inputs[i]);
  if (sharing.length > 1) return 'reads what it overwrites through two inputs';
  if (!(sharing[0] >= (op.inPlaceFrom?.(attrs) ?? Infinity))) return `overwrites ${input}, which it reads at will`;
  return input.size === tensor.size ? null : `overwrites ${input} with ${tensor}`;
}
