// Compares a whole model with PyTorch: outputs, and the gradients of its loss for every parameter.

import { compile, CpuDevice, grad, type Device, type Module, type Tensor, type TensorData } from '../../src/node.ts';
import type { Tolerance } from '../../src/verify/tolerances.ts';
import { difference } from './compare.ts';
import { testGpu } from './devices.ts';
import { readFixture } from './fixtures.ts';

type Named<T> = Readonly<Record<string, T>>;

/** A case in a file made by tests/fixtures/zoo.py. */
export interface ModelCase {
  readonly config: Named<unknown>;
  /** The case's tensors by name: inputs, outputs, `params/…`, `grad/…`. */
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

/** The stored tensors with `prefix`, by the rest of their names. */
export const below = (stored: Named<TensorData>, prefix: string): Map<string, TensorData> =>
  new Map(
    Object.entries(stored).flatMap(([key, value]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [],
    ),
  );

/** The stored tensors with these names. */
export const pick = (stored: Named<TensorData>, names: readonly string[]): Named<TensorData> =>
  Object.fromEntries(names.map((name) => [name, stored[name]]));

/** Outputs of `fn` for `inputs` and, if it returns a `loss`, the gradients for the parameters of `model`. */
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

/** The devices to test models on. */
export const testDevices = {
  cpu: async (): Promise<Device> => new CpuDevice(),
  gpu: testGpu,
} as const;

/** Differences from the stored values beyond `tolerance`, one line per tensor. */
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
