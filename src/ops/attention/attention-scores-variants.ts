// The variants of attention and of its gradients that keep the matrix of scores in memory, out of matmul's kernels.

import * as forward from '../../../shaders/attention/attention-scores.wgsl.ts';
import * as gradient from '../../../shaders/attention/attention-grad-scores.wgsl.ts';
import { keyGradientType } from '../../../shaders/attention/attention-grad.wgsl.ts';
import { bindingType, type AttentionShape } from '../../../shaders/attention/attention.wgsl.ts';
import { LINEAR_WORKGROUP } from '../../../shaders/lib/grid.wgsl.ts';
import {
  matmulRegisterGroups, registerBlock, registerVectorsB, type RegisterBlock,
} from '../../../shaders/matmul/matmul-register.wgsl.ts'; // prettier-ignore
import { vectorizedC, type MatmulShape } from '../../../shaders/matmul/matmul.wgsl.ts';
import { linearGrid, MOST_SOFTWARE_SCRATCH, type Binding, type Capabilities, type Kernel } from '../../core/kernel.ts';
import type { Variant } from '../../core/op.ts';
import { spec } from '../../core/tensor.ts';

/** True where `size` numbers in memory are worth it: on software adapters. A run-time length would not shorten the products. */
const pays = ({ keys, numbers }: AttentionShape, size: number, { software }: Capabilities): boolean =>
  software && keys > 0 && size > 0 && numbers !== 'length' && 4 * size <= MOST_SOFTWARE_SCRATCH;

/** Bindings by the names of inputs and scratch, in the order of `names`; null for all others. */
const bound = (names: readonly string[], bindings: Readonly<Record<string, Binding>>): (Binding | null)[] =>
  names.map((name) => bindings[name] ?? null);

/** A kernel that is a product. */
const productKernel = (
  name: string,
  product: MatmulShape,
  capabilities: Capabilities,
  wgsl: (block: RegisterBlock) => string,
  inputs: Kernel['inputs'],
  outputs: Kernel['outputs'],
): Kernel => {
  const block = registerBlock(product, capabilities);
  return {
    name,
    wgsl: wgsl(block),
    inputs,
    outputs,
    workgroups: linearGrid(matmulRegisterGroups(product, block), 1),
  };
};

/** How a product's operands and a matrix of pairs are bound. `inputs` are those of the record. */
function bindingsFor(s: AttentionShape, inputs: readonly Binding[]) {
  const element = s.half ? 'f16' : 'f32';
  const named = (name: string) => inputs.filter((one) => one.name === name);
  return {
    a: { name: 'a', type: element } as Binding,
    b: (product: MatmulShape): Binding => ({
      name: 'b',
      type: registerVectorsB(product) ? `vec4<${element}>` : element,
    }),
    /** A matrix of pairs, read number by number or written by `product`. */
    pairs: (name: string, product?: MatmulShape): Binding => ({
      name,
      type: product && vectorizedC(product) ? 'vec4<f32>' : 'f32',
    }),
    /** The record's own of these names, as far as it has them. */
    own: (...names: string[]) => Object.fromEntries(names.flatMap(named).map((one) => [one.name, one])),
  };
}

/** The forward variant, of a record with these inputs and outputs; none where it does not pay. */
export function scoresVariants(
  s: AttentionShape,
  inputs: readonly Binding[],
  outputs: readonly Binding[],
  capabilities: Capabilities,
): Variant[] {
  if (!pays(s, forward.scoresScratch(s), capabilities)) return [];
  const names = [...inputs.map(({ name }) => name), 'scores'];
  const { a, b, pairs, own } = bindingsFor(s, inputs);
  const none = outputs.map(() => null);
  const [first, last] = [forward.scoresProduct(s), forward.valuesProduct(s)];
  const kernels: Kernel[] = [
    productKernel(
      'attention.scores',
      first,
      capabilities,
      (block) => forward.attentionScoresKernel(s, block),
      bound(names, { ...own('mask'), q: a, k: b(first), scores: pairs('scores', first) }),
      none,
    ),
    {
      name: 'attention.weights',
      wgsl: forward.attentionWeightsKernel(s),
      inputs: bound(names, { ...own('numbers'), scores: pairs('scores') }),
      outputs: none,
      workgroups: linearGrid(s.batch * s.heads * s.rows, LINEAR_WORKGROUP),
    },
    productKernel(
      'attention.values',
      last,
      capabilities,
      (block) => forward.attentionValuesKernel(s, block),
      bound(names, { v: b(last), scores: pairs('a') }),
      outputs,
    ),
  ];
  return [{ name: 'scores', kernels, scratch: [spec([forward.scoresScratch(s)])] }];
}

/** A gradient's variants; none where they do not pay. */
export type GradientVariants = (s: AttentionShape, inputs: readonly Binding[], capabilities: Capabilities) => Variant[];

/** The variant of the record `name`: both matrices of pairs, and the kernels `last`, which make its output of them. */
const gradientVariants =
  (
    name: string,
    last: (
      s: AttentionShape,
      names: readonly string[],
      bindings: ReturnType<typeof bindingsFor>,
      capabilities: Capabilities,
    ) => Kernel[],
  ): GradientVariants =>
  (s, inputs, capabilities) => {
    const pairs = gradient.pairsOf(s);
    if (!pays(s, 2 * pairs, capabilities)) return [];
    const names = [...inputs.map((one) => one.name), 'weights', 'changes'];
    const bindings = bindingsFor(s, inputs);
    const kernels = [...pairKernels(name, s, names, bindings, capabilities), ...last(s, names, bindings, capabilities)];
    return [{ name: 'scores', kernels, scratch: [spec([pairs]), spec([pairs])] }];
  };

/** The kernels that make the two matrices. */
function pairKernels(
  name: string,
  s: AttentionShape,
  names: readonly string[],
  { a, b, pairs, own }: ReturnType<typeof bindingsFor>,
  capabilities: Capabilities,
): Kernel[] {
  const [first, second] = [forward.scoresProduct(s), gradient.changesProduct(s)];
  return [
    productKernel(
      `${name}.weights`,
      first,
      capabilities,
      (block) => gradient.weightsKernel(s, block),
      // What a kernel writes comes last.
      bound(names.slice(0, -1), { ...own('statistics', 'mask'), q: a, k: b(first), weights: pairs('weights', first) }),
      [null],
    ),
    productKernel(
      `${name}.changes`,
      second,
      capabilities,
      (block) => gradient.changesKernel(s, block),
      bound(names, {
        ...own('statistics', 'numbers'),
        g: a,
        v: b(second),
        weights: pairs('weights', second),
        changes: pairs('changes', second),
      }),
      [null],
    ),
  ];
}

/** Of the gradient of q. */
export const queryScoresVariants = gradientVariants('attentionGradQuery', (s, names, { b, pairs }, capabilities) => {
  const product = gradient.queryProduct(s);
  return [
    productKernel(
      'attentionGradQuery.query',
      product,
      capabilities,
      (block) => gradient.queryKernel(s, block),
      bound(names, { k: b(product), changes: pairs('a') }),
      [{ name: 'dq', type: bindingType(s.depth, s.half) }],
    ),
  ];
});

/** Of the gradients of k and v. */
export const keyScoresVariants = gradientVariants('attentionGradKey', (s, names, { b, pairs, own }, capabilities) => {
  const part = (name: 'key' | 'value', columns: number, start: number, rows: string, matrix: string): Kernel => {
    const product = gradient.keyProduct(s, columns);
    return productKernel(
      `attentionGradKey.${name}`,
      product,
      capabilities,
      (block) => gradient.keyKernel(s, columns, start, block),
      bound(names, { [rows]: b(product), [matrix]: pairs('a') }),
      [{ name: 'dkv', type: keyGradientType(s) }],
    );
  };
  const dropped: Kernel = {
    name: 'attentionGradKey.dropped',
    wgsl: gradient.droppedKernel(s),
    inputs: bound(names.slice(0, -1), { ...own('numbers'), weights: pairs('weights') }),
    outputs: [null],
    workgroups: linearGrid(gradient.pairsOf(s), LINEAR_WORKGROUP),
  };
  return [
    part('key', s.depth, 0, 'q', 'changes'),
    ...(s.numbers === 'dropout' ? [dropped] : []),
    part('value', s.width, s.depth, 'g', 'weights'),
  ];
});
