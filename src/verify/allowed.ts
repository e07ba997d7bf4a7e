// How each op is checked: its cases and tolerances. The tables in cases/ have one entry per op.
//
// A unit is 2⁻²⁴, half the spacing of f32 numbers around 1, so the largest error of one rounding. A tolerance of n allows
// n units · (1 + |expected|). "Measured" is the worst over all cases and variants on Dawn and Deno, on SwiftShader and
// lavapipe. No GPU tolerance is wider than four times that, or than WGSL allows for the functions an op calls, such as
// division (WGSL, "Accuracy of expressions"). CPU tolerances count roundings: one f32 step from PyTorch's value is 2 units.
// FIVE_TIGERS_MEASURE=FILE with FIVE_TIGERS_TESTS=all writes what fraction of each tolerance was used.

import type { VerifyCase } from './case.ts';

/** Tolerances in units for an op's output and its gradients. */
export type UnitsOf = readonly [output: number, gradient: number];

/** How an op is checked. */
export interface OpChecks {
  /** The CPU reference against PyTorch, in units. */
  readonly cpu: UnitsOf;
  /** The GPU against the CPU reference, in units. */
  readonly gpu: UnitsOf;
  /**
   * The same in f16 units; default 2, or 0 if f32 is exact. The CPU rounds to f16 after every op, a fused kernel only at its
   * end. Even if both round once, nearly equal numbers may round to different neighbours, which is 2 units.
   */
  readonly f16?: UnitsOf;
  /** Op records with other names that compute the op, such as `normalizeRows`. */
  readonly records?: readonly string[];
  /** Cases for checking a device. The tests also compare with PyTorch's values. */
  readonly cases: readonly VerifyCase[];
}

/** Checks by the name of the public op (or `nn` module). */
export type CheckTable = Readonly<Record<string, OpChecks>>;

/** Values are moved, compared or negated: nothing is rounded. */
export const exact = { cpu: [0, 0], gpu: [0, 0] } as const;

/** The CPU computes in float64 like PyTorch and rounds once per op: outputs once, gradients up to three times. */
export const rounded = { cpu: [2, 4] } as const;

/** WGSL rounds + − · correctly. Gradients of broadcast inputs are sums of up to 33 values here. Measured 1.3 to 3.5. */
export const summedGradient = { cpu: [0, 2], gpu: [0, 4] } as const;
