// Functions to compile that examples of several models are made of.

import { grad, withTraining, type Optimizer, type Tensor } from '../src/index.ts';

type Batch = Readonly<Record<string, Tensor>>;

/** A step of training as a function of its batch: all outputs of `task`, after whose loss `optimizer` changes its parameters. */
export function optimizerStep(
  optimizer: Optimizer,
  task: (batch: Batch) => Batch & { readonly loss: Tensor },
): (batch: Batch) => Batch {
  return (batch) => {
    const results = withTraining(true, () => task(batch));
    optimizer.step(grad(results.loss, optimizer.parameters));
    return results;
  };
}
