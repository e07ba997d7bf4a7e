// Reads the reference values of tests/fixtures: an op's cases with inputs, outputs and gradients.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { TensorData } from '../../src/core/dtype.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';

/** What a file's metadata says of a case; see tests/fixtures/README.md. */
export interface CaseInfo {
  readonly name: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly finiteDifferences?: false;
  readonly nonFinite?: true;
}

/** One case of an op. */
export interface OpCase extends CaseInfo {
  readonly inputs: readonly TensorData[];
  readonly output: TensorData;
  /** The gradient of the output from which `gradients` follow; absent for an output without one. */
  readonly cotangent?: TensorData;
  /** For each input its gradient; absent where it has none. */
  readonly gradients: readonly (TensorData | undefined)[];
}

const folder = join(import.meta.dirname, '..', 'fixtures');

/** Paths by name: no two families have files of one name. */
const paths = new Map(
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => [basename(path, '.safetensors'), path]),
);

/** The tensors of a file by name, and what its metadata says of each case. */
export function readFixture(name: string): { tensors: Map<string, TensorData>; cases: CaseInfo[] } {
  const path = paths.get(name);
  if (!path?.endsWith('.safetensors')) throw new Error(`tests/fixtures has no ${name}.safetensors.`);
  const { tensors, metadata } = readSafetensors(readFileSync(join(folder, path)));
  return { tensors, cases: JSON.parse(metadata.cases) as CaseInfo[] };
}

/** The cases of an op. */
export function loadCases(op: string): OpCase[] {
  const { tensors, cases } = readFixture(op);
  return cases.map((info) => {
    const tensor = (key: string) => tensors.get(`${info.name}/${key}`);
    const inputs: TensorData[] = [];
    for (let input = tensor('in0'); input; input = tensor(`in${inputs.length}`)) inputs.push(input);
    const gradients = inputs.map((_, i) => tensor(`grad${i}`));
    return { ...info, inputs, output: tensor('out0')!, cotangent: tensor('cotangent0'), gradients };
  });
}
