// A model that trains in milliseconds, with everything that exact resuming depends on: dropout, momentum, a schedule.

import {
  AdamW,
  crossEntropy,
  Dropout,
  Linear,
  manualSeed,
  Module,
  openDevice,
  type Optimizer,
  RandomSource,
  relu,
  spec,
  Trainer,
  type BatchSource,
  type DeviceKind,
  type Tensor,
  type TrainerOptions,
} from '../../src/node.ts';

export class Tiny extends Module {
  readonly hidden = new Linear(8, 16);
  readonly output = new Linear(16, 4);
  readonly dropout = new Dropout(0.25);

  forward(x: Tensor): Tensor {
    return this.output.forward(this.dropout.forward(relu(this.hidden.forward(x))));
  }
}

/** Batches labelled with the index of the largest of the first four values. */
export function tinyBatches(batchSize = 6): BatchSource {
  return {
    specs: { x: spec([batchSize, 8]), label: spec([batchSize], 'i32') },
    batch(step) {
      const random = new RandomSource(7, step);
      const x = Float32Array.from({ length: 8 * batchSize }, () => random.normal());
      const label = Int32Array.from({ length: batchSize }, (_, i) => {
        const values = x.subarray(8 * i, 8 * i + 4);
        return values.indexOf(Math.max(...values));
      });
      return { x, label };
    },
  };
}

/** A model with reproducible weights. */
export function tinyModel(): Tiny {
  manualSeed(3);
  return new Tiny();
}

/** A new, reproducible run with its model. */
export async function tinyRun(
  kind: DeviceKind,
  options: Partial<TrainerOptions> = {},
  model: Tiny = tinyModel(),
  optimizer: Optimizer = new AdamW(model.parameters()),
) {
  const trainer = await Trainer.create({
    state: { model },
    optimizer,
    data: tinyBatches(),
    task: ({ x, label }) => ({ loss: crossEntropy(model.forward(x), label) }),
    openDevice: () => openDevice(kind),
    seed: 5,
    ...options,
  });
  return { model, trainer };
}

/** A learning rate that differs from step to step. */
export const rateOf = (step: number): number => 0.01 + 0.002 * (step % 5);

/** The losses of the next `count` steps. */
export async function losses(trainer: Trainer, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    trainer.optimizer.learningRate.value = rateOf(trainer.stepsDone);
    found.push((await trainer.step()).loss);
  }
  return found;
}
