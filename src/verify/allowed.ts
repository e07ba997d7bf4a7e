// What each op is checked by: its cases, and how far off it may be. The tables in cases/ hold one entry an op.
//
// A unit is 2⁻²⁴, half the distance of neighbouring f32 numbers around 1: what one rounding costs. A tolerance of n allows
// n units · (1 + |expected|). "Measured" is the worst over all cases and variants on Dawn and Deno, on SwiftShader and lavapipe;
// of the GPU's no tolerance is wider than four times that, or than what WGSL grants the functions that an op calls, such as a
// division (WGSL, "Accuracy of expressions"). The CPU's count roundings: a neighbour of what PyTorch has is 2 units.
// FIVE_TIGERS_MEASURE=FILE with FIVE_TIGERS_TESTS=all writes what part of each tolerance was used.

import type { VerifyCase } from './case.ts';

/** Units for an op's output and for its gradients. */
export type UnitsOf = readonly [output: number, gradient: number];

/** How an op is checked. */
export interface OpChecks {
  /** The CPU reference against PyTorch, in units. */
  readonly cpu: UnitsOf;
  /** The GPU against the CPU reference, in units. */
  readonly gpu: UnitsOf;
  /**
   * The same in f16 units, where it is not 2 (0 where f32 is exact). The CPU rounds to f16 after every op and a fused kernel
   * at its end; where both round once, numbers that are nearly equal may go to neighbours, which is 2 units.
   */
  readonly f16?: UnitsOf;
  /** Records of other names that compute the op, such as `normalizeRows`. */
  readonly records?: readonly string[];
  /** With which a device is checked; the tests have the values of PyTorch besides. */
  readonly cases: readonly VerifyCase[];
}

/** Checks by the name of the public op (or `nn` module) that they call. */
export type CheckTable = Readonly<Record<string, OpChecks>>;

/** Values are moved, compared or change their sign: nothing is rounded. */
export const exact = { cpu: [0, 0], gpu: [0, 0] } as const;

/** The CPU computes in float64 as PyTorch did, and rounds once an op: outputs once, gradients up to three times. */
export const rounded = { cpu: [2, 4] } as const;

/** WGSL rounds + − · correctly. Gradients of broadcast inputs are sums, of up to 33 values here. Measured 1.3 to 3.5. */
export const summedGradient = { cpu: [0, 2], gpu: [0, 4] } as const;
