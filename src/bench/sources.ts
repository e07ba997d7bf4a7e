// The WGSL source behind a row of the benchmark.

import type { Device } from '../backends/device.ts';
import { wgslSource } from '../backends/webgpu/wgsl-source.ts';
import { compile } from '../runtime/compile.ts';
import { planOnly } from '../runtime/plan-only.ts';
import type { BenchCase } from './cases.ts';
import { variantNamed } from './measure.ts';

/** A kernel as passed to the GPU. */
export interface KernelSource {
  readonly name: string;
  readonly workgroups: readonly [number, number, number];
  readonly wgsl: string;
}

/** The distinct kernels of a case, with its op in the given `variant`. */
export async function benchSources(device: Device, { build }: BenchCase, variant?: string): Promise<KernelSource[]> {
  using program = await compile(planOnly(device), build(), {}, { chooseVariant: variantNamed(variant) });
  const kernels = program.plan.steps.flatMap((step) => step.kernels);
  const sources = kernels.map((kernel): [string, KernelSource] => {
    const wgsl = wgslSource(kernel);
    return [wgsl, { name: kernel.name, workgroups: kernel.workgroups, wgsl }];
  });
  return [...new Map(sources).values()];
}
