// Sums of products in Einstein notation, as permutations and matrix products.

import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { mul } from '../elementwise/binary.ts';
import { matmul } from './matmul.ts';
import { permute } from '../movement/permute.ts';
import { sum } from '../reductions/reduce.ts';
import { reshape } from '../movement/reshape.ts';

/** A tensor whose axes are named by letters. */
interface Term {
  readonly x: Tensor;
  readonly letters: string;
}

const without = (letters: string, others: string): string => [...letters].filter((l) => !others.includes(l)).join('');
const common = (letters: string, others: string): string => [...letters].filter((l) => others.includes(l)).join('');

/** Names of the axes of '...', in order: the last is 0 in every tensor, since shapes broadcast from the right. */
const DOTS = '9876543210';

/** `letters` with names for the `count` axes of its '...'. */
const withoutDots = (letters: string, count: number): string =>
  letters.replace('...', () => DOTS.slice(DOTS.length - count));

function parse(equation: string, operands: readonly Tensor[]): { terms: Term[]; output: string } {
  const fail = (why: string): never => {
    const shapes = operands.map(({ shape }) => formatShape(shape)).join(', ');
    throw new Error(`einsum: '${equation}' for ${shapes}: ${why}`);
  };
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->');
  const inputs = left.split(',');
  if (more.length > 0 || ![...inputs, right ?? ''].every((part) => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(part))) {
    fail("write letters for axes ('...' for any), commas between tensors and one '->', such as 'bik,bkj->bij'.");
  }
  if (inputs.length !== operands.length) fail(`it has ${inputs.length} tensors, but ${operands.length} were given.`);
  let dots = 0;
  const named = inputs.map((part, i) => {
    const { shape } = operands[i];
    const letters = part.replace('...', '');
    const rest = shape.length - letters.length;
    if (rest < 0 || (rest > 0 && letters === part))
      fail(`'${part}' names ${letters.length} axes of ${formatShape(shape)}.`);
    if (rest > DOTS.length) fail(`'...' stands for ${rest} axes, more than ${DOTS.length}.`);
    if (new Set(letters).size !== letters.length) fail(`'${part}' repeats a letter: diagonals are not supported.`);
    dots = Math.max(dots, part === letters ? 0 : rest);
    return withoutDots(part, rest);
  });
  const sizes = new Map<string, number>();
  named.forEach((letters, i) =>
    [...letters].forEach((letter, axis) => {
      const size = operands[i].shape[axis];
      const known = sizes.get(letter) ?? 1;
      if (known !== 1 && size !== 1 && known !== size) {
        const axisName = DOTS.includes(letter) ? "of '...'" : letter;
        fail(`axis ${axisName} is ${known} in one tensor and ${size} in another.`);
      }
      sizes.set(letter, known === 1 ? size : known);
    }),
  );
  // Without '->' the axes of '...', then the letters that occur once, in alphabetical order.
  const all = inputs.join('').replaceAll('.', '');
  const once = [...new Set(all)].filter((l) => all.split(l).length === 2).sort().join(''); // prettier-ignore
  const output = withoutDots(right ?? `...${once}`, dots);
  if (new Set(output).size !== output.length) fail(`the output '${right}' repeats a letter.`);
  for (const letter of output) if (!sizes.has(letter)) fail(`the output's ${letter} is not an axis of any tensor.`);
  const terms = named.map((letters, i) => {
    // An axis of 1 that broadcasts against another tensor's is dropped.
    const kept = [...letters].filter((l, axis) => operands[i].shape[axis] === sizes.get(l));
    return { x: reshape(operands[i], kept.map((l) => sizes.get(l)!)), letters: kept.join('') }; // prettier-ignore
  });
  return { terms, output };
}

/** The term with its axes in the order `wanted`. */
function arrange({ x, letters }: Term, wanted: string): Tensor {
  return wanted === letters ? x : permute(x, [...wanted].map((letter) => letters.indexOf(letter))); // prettier-ignore
}

/** The term summed over axes that are not `needed`. */
function reduce(term: Term, needed: string): Term {
  const letters = common(term.letters, needed);
  if (letters === term.letters) return term;
  const axes = [...term.letters].flatMap((letter, axis) => (needed.includes(letter) ? [] : [axis]));
  return { x: sum(term.x, axes), letters };
}

/** Σ a · b over the shared axes that are not `needed`. */
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
  // Of the two layouts that matmul reads, the one that the operand already has.
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
 * Sums of products: letters name each tensor's axes, and letters that the output lacks are summed over. Tensors are combined
 * from left to right. `einsum('bik,bkj->bij', a, b)` is a batched matrix product. `...` stands for any other axes, which
 * broadcast against those of the other tensors' `...` (`'...ij,...jk->...ik'`) and are summed over if the output has none;
 * axes of 1 also broadcast under a letter. Without `->` the output has the axes of `...`, then the letters that occur once,
 * in alphabetical order. Throws if a letter occurs twice in one tensor (a diagonal).
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
