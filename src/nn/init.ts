// Initial values of parameters: drawn on first use, from a seed that each parameter takes when it is created.

import { RandomSource } from '../core/random.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import { Buffer, type InitialValues, Parameter } from '../core/parameter.ts';

let source = new RandomSource(0);

/** Seeds the random numbers of initial weights: models created after this are equal for equal seeds. */
export function manualSeed(seed: number): void {
  source = new RandomSource(seed);
}

/** f32 values that are drawn synchronously. */
export interface DrawnValues extends InitialValues {
  draw(): Float32Array;
}

/** f32 values that `fill` writes into a zeroed array, using random numbers of its own. */
function drawn(shape: Shape, fill: (values: Float32Array, random: RandomSource) => void): DrawnValues {
  const [seed, stream] = [source.word(), source.word()];
  return {
    shape,
    dtype: 'f32',
    draw() {
      const values = new Float32Array(sizeOf(shape));
      fill(values, new RandomSource(seed, stream));
      return values;
    },
  };
}

/** Values uniform in (-bound, bound). */
export const uniformValues = (shape: Shape, bound: number): DrawnValues =>
  drawn(shape, (values, random) => {
    for (let i = 0; i < values.length; i++) values[i] = random.uniform(-bound, bound);
  });

/** Values from the normal distribution. */
export const normalValues = (shape: Shape, deviation = 1, mean = 0): DrawnValues =>
  drawn(shape, (values, random) => {
    for (let i = 0; i < values.length; i++) values[i] = mean + deviation * random.normal();
  });

/** One value everywhere. */
export const filledValues = (shape: Shape, value: number): DrawnValues => ({
  shape,
  dtype: 'f32',
  draw: () => new Float32Array(sizeOf(shape)).fill(value),
});

/** A parameter with values uniform in (-bound, bound). */
export const uniformParameter = (shape: Shape, bound: number): Parameter => new Parameter(uniformValues(shape, bound));

/** A parameter drawn from the normal distribution with mean 0. */
export const normalParameter = (shape: Shape, deviation = 1): Parameter =>
  new Parameter(normalValues(shape, deviation));

/** A parameter with one value everywhere. */
export const filledParameter = (shape: Shape, value: number): Parameter => new Parameter(filledValues(shape, value));

/** State with one value everywhere. */
export const filledBuffer = (shape: Shape, value: number): Buffer => new Buffer(filledValues(shape, value));

/** A random unit vector, as state. */
export const unitVectorBuffer = (size: number): Buffer =>
  new Buffer(
    drawn([size], (values, random) => {
      for (let i = 0; i < size; i++) values[i] = random.normal();
      const length = Math.hypot(...values) || 1;
      for (let i = 0; i < size; i++) values[i] /= length;
    }),
  );

/** torch's default bound for weights and biases of linear and convolution layers: 1 / √(inputs of one output). */
export const defaultBound = (weightShape: Shape): number => 1 / Math.sqrt(Math.max(1, sizeOf(weightShape.slice(1))));
