// Tensors side by side in one buffer: a kernel takes eight buffers, and so goes over many parameters only if they share them.

import { bytesPerElement } from './dtype.ts';
import { Parameter } from './parameter.ts';
import { Tensor } from './tensor.ts';

/** Elements at whose multiples members begin: 256 bytes, where a binding may begin, even of f16. */
const ALIGNMENT = 128;

/** Elements that a tensor of `size` takes in a pack. */
export const paddedSize = (size: number): number => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

/** Tensors of one type that lie side by side: parameters, for as long as they live, or results within one program. */
export class Pack {
  readonly members: readonly Tensor[];
  /** Where each begins, in bytes. */
  readonly offsets: readonly number[];
  /** All of its memory, as a tensor. */
  readonly whole: Tensor;

  constructor(members: readonly Tensor[]) {
    const [{ dtype }] = members;
    let elements = 0;
    this.members = members;
    this.offsets = members.map(({ size }) => {
      const offset = elements * bytesPerElement[dtype];
      elements += paddedSize(size);
      return offset;
    });
    this.whole = new Tensor([elements], dtype);
  }

  /** The members, if it is one of parameters. */
  get parameters(): readonly Parameter[] | null {
    return this.members[0] instanceof Parameter ? (this.members as readonly Parameter[]) : null;
  }
}

/** Neighbours of a pack as one tensor of one axis, with what lies between them. */
export class Packed extends Tensor {
  readonly pack: Pack;
  /** The member of the pack with which it begins. */
  readonly first: number;
  /** What it is made of. Each lies where the member lies: it is that, a view of it, or a parameter's next value. */
  readonly parts: readonly Tensor[];

  constructor(pack: Pack, first: number, parts: readonly Tensor[]) {
    const elements = parts.reduce((sum, { size }) => sum + paddedSize(size), 0);
    super([elements], parts[0].dtype);
    this.pack = pack;
    this.first = first;
    this.parts = parts;
  }
}

/** The tensors that a graph knows `tensor` by. */
export const partsOf = (tensor: Tensor): readonly Tensor[] => (tensor instanceof Packed ? tensor.parts : [tensor]);
