// A device with one wrong kernel, to test the tools that find wrong kernels.

import type { Device, Plan, Step } from '../../src/backends/device.ts';
import type { Kernel } from '../../src/core/kernel.ts';

/** WGSL of a kernel with results 1 % too large. The kernel must write through `store_NAME`. */
export function scaled({ wgsl, outputs }: Kernel): string {
  const stored = outputs.find((binding) => binding?.store);
  // A kernel with fused elementwise ops has its store function in its text.
  const name = stored?.name ?? /fn store_(\w+)\(/.exec(wgsl)?.[1];
  if (!name) throw new Error('This kernel does not write through store_NAME, so it cannot be broken this way.');
  const type = stored?.type ?? /fn store_\w+\(index: u32, value: ([^)]+)\)/.exec(wgsl)![1];
  const calls = wgsl.replaceAll(new RegExp(`(?<!fn )store_${name}\\(`, 'g'), `broken_${name}(`);
  return `${calls}\nfn broken_${name}(index: u32, value: ${type}) { store_${name}(index, value * 1.01); }`;
}

/** `device` with the kernels of this name replaced. */
export function brokenDevice(device: Device, name: string, rewrite: (kernel: Kernel) => string = scaled): Device {
  const isBroken = (kernel: Kernel) => kernel.name.split('+')[0] === name;
  const broken = (step: Step): Step => ({
    ...step,
    kernels: step.kernels.map((kernel) => (isBroken(kernel) ? { ...kernel, wgsl: rewrite(kernel) } : kernel)),
  });
  return {
    info: device.info,
    capabilities: device.capabilities,
    tuning: device.tuning,
    lost: device.lost,
    load: (plan: Plan, options) => device.load({ ...plan, steps: plan.steps.map(broken) }, options),
    read: (parameter) => device.read(parameter),
    forget: (parameter) => device.forget(parameter),
    destroy: () => device.destroy(),
  };
}
