// Many elementwise ops as one kernel, or as the epilogue of another op's kernel. The fusion pass creates these nodes.

import { opsText, type Argument, type Chain, type ChainOp } from '../../../shaders/elementwise/chain.wgsl.ts';
import { pointwiseFours, pointwiseSingle, withEpilogue } from '../../../shaders/elementwise/pointwise.wgsl.ts';
import { allocate } from '../../core/dtype.ts';
import type { Variant } from '../../core/kernel.ts';
import type { CpuArray, KernelCall, KernelOp, Op } from '../../core/op.ts';
import { sizeOf, type Shape } from '../../core/shape.ts';

export type { Argument };

/** The op whose epilogue the chain is: it takes the fused node's first inputs and has one float output of its shape. */
export interface Producer {
  // oxlint-disable-next-line no-explicit-any -- see Op.
  readonly op: KernelOp<any>;
  readonly attrs: object;
  readonly inputs: number;
  readonly dtype: 'f32' | 'f16';
}

export interface FusedAttrs {
  /** Shape of every op, and of the producer's output. */
  readonly shape: Shape;
  readonly producer: Producer | null;
  readonly chain: readonly ChainOp[];
  /** The node's outputs: values of the chain or of the producer. */
  readonly outputs: readonly Argument[];
  /** Number of nodes that it was merged from, if their tensors share a buffer. */
  readonly members?: number;
}

export const fusedOp: KernelOp<FusedAttrs> = {
  name: 'fused',
  kind: 'kernels',
  infer: (_inputs, { shape, outputs }) => outputs.map(({ dtype }) => ({ shape, dtype })),
  inPlaceFrom: ({ producer }) => producer?.inputs ?? 0,
  cpu({ inputs, outputs, inputSpecs, attrs: { shape, producer, chain, outputs: results } }) {
    const produced = allocate('f32', producer ? sizeOf(shape) : 0);
    const values: CpuArray[] = chain.map(({ dtype }) => allocate(dtype, sizeOf(shape)));
    const valuesOf = (arg: Argument): CpuArray => {
      if (arg.from === 'number') return Float64Array.of(arg.value);
      return arg.from === 'producer' ? produced : (arg.from === 'input' ? inputs : values)[arg.at];
    };
    const specOf = (arg: Argument) =>
      arg.from === 'input' ? inputSpecs[arg.at] : { shape: arg.from === 'number' ? [] : shape, dtype: arg.dtype };
    if (producer) {
      const outputSpecs = [{ shape, dtype: producer.dtype }];
      producer.op.cpu({ inputs, inputSpecs, outputs: [produced], outputSpecs, attrs: producer.attrs });
    }
    chain.forEach(({ op, args, attrs, ...spec }, at) => {
      const [values_, specs] = [args.map(valuesOf), args.map(specOf)];
      op.cpu({ inputs: values_, inputSpecs: specs, outputs: [values[at]], outputSpecs: [spec], attrs });
    });
    results.forEach((result, i) => outputs[i].set(valuesOf(result)));
  },
  gpu: (call) => (call.attrs.producer ? producerVariants(call, call.attrs.producer) : standAlone(call)),
  vjp: 'none',
  onnx: { none: 'It exists in compiled graphs only: export the function, not what was compiled.' },
  flops: (inputs, [y], { producer, chain }) =>
    sizeOf(y.shape) * chain.length + (producer?.op.flops?.(inputs.slice(0, producer.inputs), [y], producer.attrs) ?? 0),
};

/** Whether a call is one of `fusedOp`. */
export const isFused = (call: {
  readonly op: Op;
  readonly attrs: object;
}): call is { op: typeof fusedOp; attrs: FusedAttrs } => call.op === fusedOp;

/**
 * The WGSL that the chain applies to an element of each input; null if it depends on the element's index, as random numbers
 * do.
 */
export const textOf = ({ chain, outputs }: FusedAttrs): string | null => opsText({ ops: chain, outputs });

/** The chain with its own inputs, excluding the producer's. */
function chainOf({ inputs, attrs, aliases = [] }: KernelCall<FusedAttrs>): Chain {
  const { shape, producer, chain, outputs } = attrs;
  const all = inputs.map((input, at) => {
    const output = aliases.indexOf(at);
    return { shape: input.shape, dtype: input.dtype, at, alias: output < 0 ? null : output };
  });
  return { shape, ops: chain, inputs: all.slice(producer?.inputs ?? 0), outputs };
}

/** Elements from which `fours` pays off on software adapters: it takes longer to compile. */
const MANY = 2 ** 16;

/** Kernel variants of a chain without a producer, best first. */
function standAlone(call: KernelCall<FusedAttrs>): Variant[] {
  const { attrs, capabilities } = call;
  const shape = { ...chainOf(call), members: attrs.members };
  const fours = { name: 'fours', kernels: [pointwiseFours(shape, capabilities)] };
  if (!capabilities.software) return [fours];
  const single = { name: 'single', kernels: [pointwiseSingle(shape, capabilities)] };
  return sizeOf(attrs.shape) < MANY ? [single, fours] : [fours, single];
}

/** The producer's variants, with the chain as the epilogue of the kernel that stores its output. */
function producerVariants(call: KernelCall<FusedAttrs>, { op, attrs, inputs, dtype }: Producer): Variant[] {
  const output = { shape: call.attrs.shape, dtype };
  const own = { inputs: call.inputs.slice(0, inputs), outputs: [output], attrs, capabilities: call.capabilities };
  return op.gpu(own).map((variant) => withEpilogue(variant, inputs, chainOf(call)));
}
