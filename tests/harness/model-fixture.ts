// Compares a whole model with what PyTorch computes of it: outputs, and the gradients of its loss by every parameter.

import { compile, CpuDevice, grad, type Device, type Module, type Tensor, type TensorData } from '../../src/node.ts';
import type { Tolerance } from '../../src/verify/tolerances.ts';
import { difference } from './compare.ts';
import { testGpu } from './devices.ts';
import { readFixture } from './fixtures.ts';

type Named<T> = Readonly<Record<string, T>>;

/** A case of a file that tests/fixtures/zoo.py makes. */
export interface ModelCase {
  readonly config: Named<unknown>;
  /** All tensors of the case by name: inputs, outputs, `params/…`, `grad/…`. */
  readonly stored: Named<TensorData>;
}

/** The case `name` of the fixture `file`. */
export function modelCase(file: string, name: string): ModelCase {
  const { tensors, cases } = readFixture(file);
  const prefix = `${name}/`;
  const own = [...tensors].filter(([key]) => key.startsWith(prefix));
  return {
    config: cases.find((one) => one.name === name)!.attrs,
    stored: Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])),
  };
}

/** The stored tensors below `prefix`, by the rest of their names. */
export const below = (stored: Named<TensorData>, prefix: string): Map<string, TensorData> =>
  new Map(
    Object.entries(stored).flatMap(([key, value]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [],
    ),
  );

/** Some of the stored tensors. */
export const pick = (stored: Named<TensorData>, names: readonly string[]): Named<TensorData> =>
  Object.fromEntries(names.map((name) => [name, stored[name]]));

/** What `fn` gives for `inputs`, each with its gradients by the parameters of `model` where it gives a `loss`. */
export async function computeModel(
  device: Device,
  model: Module,
  inputs: Named<TensorData>,
  fn: (inputs: Named<Tensor>) => Named<Tensor>,
  training = false,
): Promise<Named<TensorData>> {
  const names = [...model.namedParameters().keys()];
  const program = await compile(
    device,
    (given) => {
      const seen = fn(given);
      const gradients = seen.loss ? grad(seen.loss, model.parameters()) : [];
      return { ...seen, ...Object.fromEntries(gradients.map((gradient, i) => [`grad/${names[i]}`, gradient])) };
    },
    inputs,
    { training },
  );
  const results = await program.run(Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data])));
  program.dispose();
  return results;
}

/** The devices that a model is tested on. */
export const testDevices = {
  cpu: async (): Promise<Device> => new CpuDevice(),
  gpu: testGpu,
} as const;

/** What differs from the stored values beyond `tolerance`, one line a tensor. */
export function modelProblems(
  kind: string,
  actual: Named<TensorData>,
  stored: Named<TensorData>,
  tolerance: Tolerance,
): string[] {
  return Object.entries(actual).flatMap(([name, value]) => {
    const found = stored[name] ? difference(kind, value, stored[name], tolerance) : 'is not in the fixture';
    return found ? [`${name}: ${found}`] : [];
  });
}
