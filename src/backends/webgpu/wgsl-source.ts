// Completes a kernel's WGSL with the declarations of its bindings.

import type { Binding, Kernel } from '../../core/kernel.ts';

/** The full WGSL of `kernel`: bindings are numbered inputs, outputs, arguments, in the order in which they are given. */
export function wgslSource({ inputs, outputs, wgsl, arguments: args = [] }: Kernel): string {
  const used = [
    ...inputs.map((binding, i) => ({
      binding,
      access: isWrittenInput({ inputs, outputs }, i) ? 'read_write' : 'read',
    })),
    ...outputs.map((binding) => ({ binding, access: 'read_write' })),
  ].filter(({ binding }) => binding !== null);
  const needsF16 = used.some(({ binding }) => binding!.type.includes('f16'));
  return [
    ...(needsF16 ? ['enable f16;'] : []),
    ...used.map(
      ({ binding, access }, i) =>
        `@group(0) @binding(${i}) var<storage, ${access}> ${binding!.name}: array<${binding!.type}>;`,
    ),
    ...(args.length > 0 ? [argumentsDeclaration(used.length, args.length)] : []),
    ...used.filter(({ binding }) => binding!.store).map(({ binding }) => plainStore(binding!)),
    wgsl,
  ].join('\n');
}

const argumentsDeclaration = (binding: number, count: number): string =>
  `@group(0) @binding(${binding}) var<uniform> args: array<vec4<u32>, ${Math.ceil(count / 4)}>;`;

const plainStore = ({ name, type }: Binding): string =>
  `fn store_${name}(index: u32, value: ${type}) { ${name}[index] = value; }`;

/** A kernel without outputs writes its last input: the scratch that the next kernel reads. */
export function isWrittenInput({ inputs, outputs }: Pick<Kernel, 'inputs' | 'outputs'>, at: number): boolean {
  return outputs.every((output) => output === null) && at === inputs.length - 1;
}
