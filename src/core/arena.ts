// Tensors side by side in one buffer: a kernel binds at most eight, so one kernel updates many parameters only if these share buffers.

import { bytesPerElement } from './dtype.ts';
import { Parameter } from './parameter.ts';
import { Tensor } from './tensor.ts';

/** Alignment of members in elements: at least the 256 bytes at which a binding may start, even for f16. */
const ALIGNMENT = 128;

/** Elements that a tensor of `size` occupies in an arena. */
export const paddedSize = (size: number): number => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

/** Tensors of one type in one buffer: parameters, for their lifetime, or intermediate results of one program. */
export class Arena {
  readonly members: readonly Tensor[];
  /** Byte offset of each member. */
  readonly offsets: readonly number[];
  /** The whole buffer as one tensor. */
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

  /** The members, if they are parameters. */
  get parameters(): readonly Parameter[] | null {
    return this.members[0] instanceof Parameter ? (this.members as readonly Parameter[]) : null;
  }
}

/** Consecutive members of an arena as one 1-D tensor, padding included. */
export class ArenaSpan extends Tensor {
  readonly arena: Arena;
  /** Index of the first member. */
  readonly first: number;
  /** What it is made of, each in its member's place: the member itself, a view of it, or a parameter's next value. */
  readonly parts: readonly Tensor[];

  constructor(arena: Arena, first: number, parts: readonly Tensor[]) {
    const elements = parts.reduce((sum, { size }) => sum + paddedSize(size), 0);
    super([elements], parts[0].dtype);
    this.arena = arena;
    this.first = first;
    this.parts = parts;
  }
}

/** The graph's tensors that `tensor` stands for. */
export const partsOf = (tensor: Tensor): readonly Tensor[] => (tensor instanceof ArenaSpan ? tensor.parts : [tensor]);
