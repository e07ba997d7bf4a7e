// Functions to compile that the examples of several models share.

import { grad, withTraining, type Optimizer, type Tensor } from '../src/index.ts';

type Batch = Readonly<Record<string, Tensor>>;

/** A training step as a function of its batch: gives all outputs of `task`, and updates the parameters of `optimizer`. */
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
