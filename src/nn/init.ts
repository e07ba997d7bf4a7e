// Initial values of parameters, drawn from a seeded source so that a run can be repeated.

import { RandomSource } from '../core/random.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import { Parameter } from '../core/tensor.ts';

let source = new RandomSource(0);

/** Starts the random numbers of initial weights anew: models made after this are the same for the same seed. */
export function manualSeed(seed: number): void {
  source = new RandomSource(seed);
}

/** A parameter filled by `draw`. */
function draw(name: string, shape: Shape, next: () => number): Parameter {
  return new Parameter(name, { shape, dtype: 'f32', data: Float32Array.from({ length: sizeOf(shape) }, next) });
}

/** A parameter with values spread evenly over (-bound, bound). */
export const uniformParameter = (name: string, shape: Shape, bound: number): Parameter =>
  draw(name, shape, () => source.uniform(-bound, bound));

/** A parameter drawn from the normal distribution with mean 0. */
export const normalParameter = (name: string, shape: Shape, deviation = 1): Parameter =>
  draw(name, shape, () => deviation * source.normal());

/** State that no optimizer changes, with one value everywhere. */
export const filledBuffer = (name: string, shape: Shape, value: number): Parameter =>
  new Parameter(name, { shape, dtype: 'f32', data: new Float32Array(sizeOf(shape)).fill(value) }, false);

/** A random vector of length 1, as state that no optimizer changes. */
export function unitVectorBuffer(name: string, size: number): Parameter {
  const data = Float32Array.from({ length: size }, () => source.normal());
  const length = Math.hypot(...data) || 1;
  return new Parameter(name, { shape: [size], dtype: 'f32', data: data.map((value) => value / length) }, false);
}

/** A parameter with one value everywhere. */
export const filledParameter = (name: string, shape: Shape, value: number): Parameter => draw(name, shape, () => value);

/** The bound of torch's default for weights and biases of linear and convolution layers: 1 / √(inputs of one output). */
export const defaultBound = (weightShape: Shape): number => 1 / Math.sqrt(Math.max(1, sizeOf(weightShape.slice(1))));
