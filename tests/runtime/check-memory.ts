// Simulates a plan's memory symbolically, and finds reads of overwritten values.

import type { Plan, Step } from '../../src/backends/device.ts';
import { bytesPerElement } from '../../src/core/dtype.ts';
import { ArenaSpan, partsOf } from '../../src/core/arena.ts';
import type { Tensor } from '../../src/core/tensor.ts';

/** A range of bytes, in a pool buffer (by index) or a leaf's own buffer. */
interface Place {
  readonly buffer: number | Tensor;
  readonly first: number;
  readonly end: number;
}

const overlap = (a: Place, b: Place): boolean => a.buffer === b.buffer && a.first < b.end && b.first < a.end;

/**
 * The problems of a plan's memory layout, independent of how it was chosen. Each byte holds the tensor last written to it, and
 * every read must find the expected one.
 */
export function memoryProblems({ steps, memory, outputs, updates, arenas }: Plan): string[] {
  const problems: string[] = [];
  const held = new Map<Place, Tensor>();
  const viewed = (tensor: Tensor): Tensor => (tensor.node?.op.kind === 'view' ? viewed(tensor.node.inputs[0]) : tensor);
  const bytesOf = ({ size, dtype }: Tensor) => size * bytesPerElement[dtype];
  const placeOf = (tensor: Tensor): Place => {
    const storage = memory.storage.get(viewed(tensor)) ?? { leaf: viewed(tensor) };
    const [buffer, first] = 'pool' in storage ? [storage.pool, storage.offset] : [storage.leaf, 0];
    return { buffer, first, end: first + bytesOf(tensor) };
  };
  const at = (place: Place) => [...held].filter(([other]) => overlap(place, other));
  const read = (tensor: Tensor, where: string) => {
    const [place, root] = [placeOf(tensor), viewed(tensor)];
    const found = at(place);
    // Only leaves exist without being written.
    if (found.length === 0 && place.buffer === root) return;
    if (found.length !== 1 || found[0][1] !== root || found[0][0].first !== place.first)
      problems.push(`${where} reads ${root}, but finds ${found.map(([, other]) => other).join(', ') || 'nothing'}`);
  };
  const write = (tensor: Tensor, where: string, place = placeOf(tensor)) => {
    const { buffer, end } = place;
    if ((typeof buffer === 'number' ? memory.pool[buffer] : bytesOf(buffer)) < end)
      problems.push(`${where}: ${tensor} does not fit`);
    for (const [other] of at(place)) held.delete(other);
    held.set(place, tensor);
  };

  steps.forEach((step, i) => {
    const where = `step ${i}, ${step.kernels[0]?.name ?? step.op.name},`;
    for (const tensor of [...step.inputs, ...step.outputs]) {
      const problem = tensor instanceof ArenaSpan && notTogether(tensor);
      if (problem) problems.push(`${where} ${problem}`);
    }
    for (const input of step.inputs.flatMap(partsOf)) read(input, where);
    const written = [...step.scratch, ...step.outputs.flatMap(partsOf)];
    const places = written.map(placeOf);
    if (places.some((one, a) => places.some((other, b) => b > a && overlap(one, other))))
      problems.push(`${where} writes one place twice`);
    const inputs = step.inputs.map(partsOf);
    for (const output of step.outputs) {
      partsOf(output).forEach((tensor, part) => {
        const problem = overwritten(step, inputs, tensor, part, placeOf);
        if (problem) problems.push(`${where} ${problem}`);
      });
    }
    for (const tensor of written) write(tensor, where);
  });
  for (const output of outputs) read(output, 'an output');
  // Updated values that are not already in their parameter are then copied, in order.
  for (const { parameter, value } of updates) {
    if (placeOf(value).buffer === parameter) continue;
    read(value, `the update of ${parameter.name}`);
    write(value, `the update of ${parameter.name}`, placeOf(parameter));
  }
  for (const { parameter, value } of updates) {
    const found = at(placeOf(parameter)).map(([, tensor]) => viewed(tensor));
    if (found.length !== 1 || found[0] !== viewed(value))
      problems.push(`${parameter.name} holds ${found.join(', ') || 'its old value'} in place of ${value}`);
  }
  return problems;

  /** What is wrong if the parts of `tensor` do not lie where a kernel that is bound to it finds them. */
  function notTogether(tensor: ArenaSpan): string | null {
    const { arena, first, parts } = tensor;
    if (arena.parameters && !arenas.includes(arena))
      return `takes ${arena.members.length} parameters that nobody lays out`;
    const whole = placeOf(tensor);
    const [begin, end] = [arena.offsets[first], arena.offsets[first + parts.length] ?? bytesOf(arena.whole)];
    if (bytesOf(tensor) !== end - begin) return `binds ${bytesOf(tensor)} bytes for ${end - begin}`;
    const wrong = parts.find((part, i) => {
      const place = placeOf(part);
      if (arena.parameters) return place.buffer !== arena.parameters[first + i];
      return place.buffer !== whole.buffer || place.first !== whole.first + arena.offsets[first + i] - begin;
    });
    return wrong ? `does not find ${wrong} among its neighbours` : null;
  }
}

/** The problem if a step writes `tensor`, or its part `part`, over an input: only reads of the same element are allowed. */
function overwritten(
  { op, attrs }: Step,
  inputs: readonly (readonly Tensor[])[],
  tensor: Tensor,
  part: number,
  placeOf: (x: Tensor) => Place,
): string | null {
  const sharing = inputs.flatMap((parts, i) =>
    parts.flatMap((input, j) => (overlap(placeOf(input), placeOf(tensor)) ? [{ input, i, j }] : [])),
  );
  if (sharing.length === 0) return null;
  const [{ input, i, j }] = sharing;
  if (sharing.length > 1) return 'reads what it overwrites through two inputs';
  if (!(i >= (op.kind === 'kernels' ? (op.inPlaceFrom?.(attrs) ?? Infinity) : Infinity)))
    return `overwrites ${input}, which it reads at will`;
  return input.size === tensor.size && (inputs[i].length === 1 || j === part)
    ? null
    : `overwrites ${input} with ${tensor}`;
}
