// The registered models as benchmark cases: forward passes and training steps.

import { Buffer, manualSeed, type BenchCase, type Tensor } from '../src/index.ts';
import type { GraphExample, ModelEntry } from './entry.ts';

/** Models with more parameters take seconds per step on a software adapter. */
const LARGE = 500_000;

/** For each entry with an `example`: forward passes of one example and of a batch, and a training step per phase. */
export function modelBenchCases(entries: readonly ModelEntry[]): BenchCase[] {
  return entries.flatMap(({ name, config, parameters, build, example, train }) => {
    if (!example) return [];
    const large = parameters > LARGE;
    const batchSize = train?.recipe.batchSize ?? 1;
    const fresh = (batch: number) => {
      // The same weights and inputs every time, so that the results of kernel variants can be compared.
      manualSeed(1);
      return example(build(config), batch, 1);
    };
    const forward = (batch: number): BenchCase => ({
      group: 'models',
      name: `${name} forward batch ${batch}`,
      large: large && batch > 1,
      build: () => withoutInputs(fresh(batch).forward),
    });
    const step = (phase: string): BenchCase => ({
      group: 'models',
      name: `${name} training ${phase} batch ${batchSize}`,
      large,
      build: () => withoutInputs(fresh(batchSize).steps[phase]()),
    });
    const phases = train ? train.phases : [];
    return [forward(1), forward(batchSize), ...phases.map(step)];
  });
}

/** `graph` with its inputs kept on the device, so that they are not written before each run. */
function withoutInputs({ fn, specs, inputs }: GraphExample): () => Readonly<Record<string, Tensor>> {
  const held = Object.entries(specs).map(
    ([name, spec]) => [name, new Buffer({ ...spec, data: inputs[name] }, { name })] as const,
  );
  return () => fn(Object.fromEntries(held));
}
