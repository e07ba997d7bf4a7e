// Sums of products in Einstein's notation, as permutations and matrix products.

import { formatShape, sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { mul } from './binary.ts';
import { matmul } from './matmul.ts';
import { permute } from './permute.ts';
import { sum } from './reduce.ts';
import { reshape } from './reshape.ts';

/** A tensor whose axes have letters. */
interface Term {
  readonly x: Tensor;
  readonly letters: string;
}

const without = (letters: string, others: string): string => [...letters].filter((l) => !others.includes(l)).join('');
const common = (letters: string, others: string): string => [...letters].filter((l) => others.includes(l)).join('');

function parse(equation: string, operands: readonly Tensor[]): { terms: Term[]; output: string } {
  const fail = (why: string): never => {
    const shapes = operands.map(({ shape }) => formatShape(shape)).join(', ');
    throw new Error(`einsum: '${equation}' for ${shapes}: ${why}`);
  };
  const text = equation.replaceAll(' ', '');
  const [left, right, ...more] = text.split('->');
  const inputs = left.split(',');
  if (more.length > 0 || !/^[A-Za-z,]*$/.test(left) || !/^[A-Za-z]*$/.test(right ?? '')) {
    fail("write letters for axes, commas between tensors and one '->', such as 'bik,bkj->bij'.");
  }
  if (inputs.length !== operands.length) fail(`it names ${inputs.length} tensors, but ${operands.length} were given.`);
  const sizes = new Map<string, number>();
  inputs.forEach((letters, i) => {
    const { shape } = operands[i];
    if (letters.length !== shape.length) fail(`'${letters}' names ${letters.length} axes of ${formatShape(shape)}.`);
    if (new Set(letters).size !== letters.length) fail(`'${letters}' repeats a letter: diagonals are not supported.`);
    [...letters].forEach((letter, axis) => {
      const known = sizes.get(letter) ?? shape[axis];
      if (known !== shape[axis]) fail(`axis ${letter} is ${known} in one tensor and ${shape[axis]} in another.`);
      sizes.set(letter, known);
    });
  });
  // Without '->' the letters that stand once, in order of the alphabet.
  const all = inputs.join('');
  const output = right ?? [...new Set(all)].filter((l) => all.split(l).length === 2).sort().join(''); // prettier-ignore
  if (new Set(output).size !== output.length) fail(`the output '${output}' repeats a letter.`);
  for (const letter of output) if (!sizes.has(letter)) fail(`the output's ${letter} is an axis of no tensor.`);
  return { terms: inputs.map((letters, i) => ({ x: operands[i], letters })), output };
}

/** The term's axes in another order. */
function arrange({ x, letters }: Term, wanted: string): Tensor {
  return wanted === letters ? x : permute(x, [...wanted].map((letter) => letters.indexOf(letter))); // prettier-ignore
}

/** The term summed over the axes that nothing else needs. */
function reduce(term: Term, needed: string): Term {
  const letters = common(term.letters, needed);
  if (letters === term.letters) return term;
  const axes = [...term.letters].flatMap((letter, axis) => (needed.includes(letter) ? [] : [axis]));
  return { x: sum(term.x, axes), letters };
}

/** Σ a · b over the axes of both that nothing else needs. */
function combine(first: Term, second: Term, needed: string): Term {
  const a = reduce(first, second.letters + needed);
  const b = reduce(second, first.letters + needed);
  const shared = common(a.letters, b.letters);
  const [batch, summed] = [common(shared, needed), without(shared, needed)];
  const [rows, columns] = [without(a.letters, shared), without(b.letters, shared)];
  const sizesOf = ({ x, letters }: Term, wanted: string) =>
    [...wanted].map((letter) => x.shape[letters.indexOf(letter)]);
  const letters = batch + rows + columns;
  const shape = [...sizesOf(a, batch + rows), ...sizesOf(b, columns)];
  if (summed === '') {
    const spread = (term: Term, own: string) =>
      reshape(arrange(term, own), [...letters].map((l) => (own.includes(l) ? sizesOf(term, l)[0] : 1))); // prettier-ignore
    return { x: mul(spread(a, batch + rows), spread(b, batch + columns)), letters };
  }
  // Of the two orders that matmul reads, the one in which the operand lies already.
  const transposeA = a.letters === batch + summed + rows && rows !== '';
  const transposeB = b.letters === batch + columns + summed;
  const group = (term: Term, ...parts: string[]) =>
    reshape(
      arrange(term, parts.join('')),
      parts.map((part) => sizeOf(sizesOf(term, part))),
    );
  const left = transposeA ? group(a, batch, summed, rows) : group(a, batch, rows, summed);
  const right = transposeB ? group(b, batch, columns, summed) : group(b, batch, summed, columns);
  return { x: reshape(matmul(left, right, { transposeA, transposeB }), shape), letters };
}

/**
 * Sums of products: each tensor's axes are named by letters, and letters that the output lacks are summed over. Tensors are
 * joined from left to right. `einsum('bik,bkj->bij', a, b)` is a matrix product of batches; without `->` the output has the
 * letters that stand once, in order of the alphabet. A letter twice in one tensor (a diagonal) and `...` are refused.
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  const { terms, output } = parse(equation, operands);
  const [first, ...rest] = terms;
  let result = first;
  rest.forEach((term, i) => {
    const later = rest.slice(i + 1).map(({ letters }) => letters);
    result = combine(result, term, output + later.join(''));
  });
  return arrange(reduce(result, output), output);
}
