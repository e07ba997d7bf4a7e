// Accuracy over many batches, counted on the host so that every device gives the same result.

import type { Device } from '../backends/device.ts';
import type { TypedArray } from '../core/dtype.ts';
import type { Tensor, TensorSpec } from '../core/tensor.ts';
import { compile } from '../runtime/compile.ts';
import type { MeasuringOptions } from './language.ts';

/** Which predictions of a batch are right. */
export interface Answers {
  /** bool or numbers: 0 where a prediction is wrong. */
  readonly right: Tensor;
  /**
   * The class of each, i32 with the shape of `right`; the result is then the mean of the per-class accuracies (balanced
   * accuracy). Predictions with a negative class, such as padding rows, are ignored.
   */
  readonly classes?: Tensor;
}

/** Batches by step, like a BatchSource. */
interface Batches {
  readonly specs: Readonly<Record<string, TensorSpec>>;
  batch(step: number): Readonly<Record<string, TypedArray>> | Promise<Readonly<Record<string, TypedArray>>>;
}

/** Predictions of one class, and how many are right. */
interface Count {
  all: number;
  right: number;
}

const [RIGHT, CLASSES] = ['right ', 'class of '];

/**
 * The accuracy over the first `count` batches of `data`, for each name that `fn` returns.
 * @throws an Error if no prediction counts.
 */
export async function measureAccuracy(
  device: Device,
  fn: (batch: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Answers>>,
  data: Batches,
  count: number,
  { onProgress, onProgram, signal }: MeasuringOptions = {},
): Promise<Record<string, number>> {
  const outputsOf = (batch: Readonly<Record<string, Tensor>>) => {
    const outputs: Record<string, Tensor> = {};
    for (const [name, { right, classes }] of Object.entries(fn(batch))) {
      outputs[RIGHT + name] = right;
      if (classes) outputs[CLASSES + name] = classes;
    }
    return outputs;
  };
  using program = await compile(device, outputsOf, data.specs);
  const counts = new Map<string, Map<number, Count>>();
  for (let step = 0; step < count; step++) {
    signal?.throwIfAborted();
    const batch = await data.batch(step);
    const outputs = await program.run(batch);
    for (const key of Object.keys(outputs).filter((name) => name.startsWith(RIGHT))) {
      const name = key.slice(RIGHT.length);
      if (!counts.has(name)) counts.set(name, new Map());
      addAnswers(counts.get(name)!, outputs[key].data, outputs[CLASSES + name]?.data);
    }
    onProgress?.(step + 1, count);
    if (step + 1 === count) await onProgram?.(program, batch, 'accuracy');
  }
  if (counts.size === 0) throw new Error('measureAccuracy: there are no batches.');
  return Object.fromEntries([...counts].map(([name, byClass]) => [name, shareOf(name, byClass)]));
}

function addAnswers(byClass: Map<number, Count>, right: TypedArray, classes: TypedArray | undefined): void {
  for (const [i, value] of right.entries()) {
    const group = classes ? classes[i] : 0;
    if (group < 0) continue;
    const count = byClass.get(group) ?? { all: 0, right: 0 };
    byClass.set(group, count);
    count.all++;
    if (value !== 0) count.right++;
  }
}

function shareOf(name: string, byClass: ReadonlyMap<number, Count>): number {
  if (byClass.size === 0)
    throw new Error(`measureAccuracy: no prediction counts for ${name}: all classes are negative.`);
  let sum = 0;
  for (const { all, right } of byClass.values()) sum += right / all;
  return sum / byClass.size;
}
