// A device on which one kernel is wrong, to see that what looks for wrong kernels finds it.

import type { Device, Plan, Step } from '../../src/backends/device.ts';
import type { Kernel } from '../../src/core/kernel.ts';

/** The text of a kernel whose results are 1 % too large. It must write through `store_NAME`. */
export function scaled({ wgsl, outputs }: Kernel): string {
  const stored = outputs.find((binding) => binding?.store);
  // A kernel that took in elementwise ops has its store in its text.
  const name = stored?.name ?? /fn store_(\w+)\(/.exec(wgsl)?.[1];
  if (!name) throw new Error('This kernel stores by itself: it cannot be broken so.');
  const type = stored?.type ?? /fn store_\w+\(index: u32, value: ([^)]+)\)/.exec(wgsl)![1];
  const calls = wgsl.replaceAll(new RegExp(`(?<!fn )store_${name}\\(`, 'g'), `broken_${name}(`);
  return `${calls}\nfn broken_${name}(index: u32, value: ${type}) { store_${name}(index, value * 1.01); }`;
}

/** `device`, but with the kernels of this name replaced. */
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
