// Completes a kernel's WGSL with the declarations of its bindings.

import type { Binding, Kernel } from '../../core/kernel.ts';
import { useWindows, variablesOf, windowFunctions } from './windows.ts';

/** The full WGSL of `kernel`. Bindings are numbered in order: inputs, outputs, arguments. */
export function wgslSource({ inputs, outputs, wgsl, arguments: args = [], enables = [] }: Kernel): string {
  const used = [
    ...inputs.map((binding, i) => ({ binding, written: isWrittenInput({ inputs, outputs }, i) })),
    ...outputs.map((binding) => ({ binding, written: true })),
  ].filter((one): one is { binding: Binding; written: boolean } => one.binding !== null);
  const needsF16 = used.some(({ binding }) => binding.type.includes('f16')) || /\bf16\b/.test(wgsl);
  const needsSubgroups = /\bsubgroup(Add|Mul|Min|Max|ExclusiveAdd|Broadcast)\(/.test(wgsl);
  const variables = used.flatMap(({ binding, written }) =>
    variablesOf(binding).map((name) => ({ name, binding, written })),
  );
  const text = [...used.filter(({ binding }) => binding.store).map(({ binding }) => plainStore(binding)), wgsl].join(
    '\n',
  );
  const large = used.filter(({ binding }) => binding.windows);
  return [
    ...[...(needsF16 ? ['f16'] : []), ...(needsSubgroups ? ['subgroups'] : []), ...enables].map(
      (extension) => `enable ${extension};`,
    ),
    ...variables.map(
      ({ name, binding, written }, i) =>
        `@group(0) @binding(${i}) var<storage, ${written ? 'read_write' : 'read'}> ${name}: ${arrayOf(binding)};`,
    ),
    ...(args.length > 0 ? [argumentsDeclaration(variables.length, args.length)] : []),
    ...large.map(({ binding, written }) => windowFunctions(binding, written)),
    large.reduce((rewritten, { binding }) => useWindows(rewritten, binding.name), text),
  ].join('\n');
}

const arrayOf = ({ type, length }: Binding): string =>
  length === undefined ? `array<${type}>` : `array<${type}, ${length}>`;

const argumentsDeclaration = (binding: number, count: number): string =>
  `@group(0) @binding(${binding}) var<uniform> args: array<vec4<u32>, ${Math.ceil(count / 4)}>;`;

const plainStore = ({ name, type }: Binding): string =>
  `fn store_${name}(index: u32, value: ${type}) { ${name}[index] = value; }`;

/** A kernel without outputs writes its last input: the scratch that the next kernel reads. */
export function isWrittenInput({ inputs, outputs }: Pick<Kernel, 'inputs' | 'outputs'>, at: number): boolean {
  return outputs.every((output) => output === null) && at === inputs.length - 1;
}
