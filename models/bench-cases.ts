// The registered models as cases of the benchmark: a forward pass, and a step of training.

import { AdamW, cast, grad, manualSeed, randomParameter, withTraining, type BenchCase } from '../src/index.ts';
import type { ModelEntry } from './model-entry.ts';

const CLASSES = 10;

/** Forward passes of one image and of a batch, and a training step with AdamW, of every model of `entries`. */
export function modelBenchCases(entries: Readonly<Record<string, ModelEntry>>): BenchCase[] {
  return Object.entries(entries).flatMap(([name, entry]) => {
    const { config, configs, task, recipe } = entry;
    const images = (batch: number) => randomParameter('image', [batch, 1, 32, 32], 0.5, 0.5);
    // The same weights each time, so that kernel variants can be compared by their results.
    const fresh = () => {
      manualSeed(1);
      return configs[config]();
    };
    const forward = (batch: number): BenchCase => ({
      group: 'models',
      name: `${name} forward batch ${batch}`,
      build() {
        const [model, image] = [fresh(), images(batch)];
        return () => model.forward(image);
      },
    });
    const training: BenchCase = {
      group: 'models',
      name: `${name} training step batch ${recipe.batchSize} AdamW`,
      build() {
        const [model, image] = [fresh(), images(recipe.batchSize)];
        const labels = randomParameter('labels', [recipe.batchSize], CLASSES / 2, CLASSES / 2);
        const [compute, optimizer] = [task(model), new AdamW(model.parameters())];
        return () => {
          const { loss } = withTraining(true, () => compute({ image, label: cast(labels, 'i32') }));
          optimizer.step(grad(loss, optimizer.parameters));
          return { loss };
        };
      },
    };
    return [forward(1), forward(recipe.batchSize), training];
  });
}
