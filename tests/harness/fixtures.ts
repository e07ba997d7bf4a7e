// Reads the reference values in tests/fixtures: an op's cases with inputs, outputs and gradients.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { TensorData } from '../../src/core/dtype.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';

/** A case in a file's metadata; see tests/fixtures/README.md. */
export interface CaseInfo {
  readonly name: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly finiteDifferences?: false;
  readonly nonFinite?: true;
}

/** A case of an op. */
export interface OpCase extends CaseInfo {
  readonly inputs: readonly TensorData[];
  readonly output: TensorData;
  /** The output gradient that yields `gradients`; absent if the output has none. */
  readonly cotangent?: TensorData;
  /** Each input's gradient; absent if it has none. */
  readonly gradients: readonly (TensorData | undefined)[];
}

const folder = join(import.meta.dirname, '..', 'fixtures');

/** Paths by file name, which is unique across families. */
const paths = new Map(
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => [basename(path, '.safetensors'), path]),
);

/** A file's tensors by name, and its cases' metadata. */
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
