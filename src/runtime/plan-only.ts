// Plans programs without loading them, to inspect steps and kernels.

import type { Device } from '../backends/device.ts';

/** A device that plans like `device` but allocates nothing: a program compiled for it has a plan and cannot run. */
export const planOnly = (device: Omit<Device, 'load' | 'forget' | 'destroy'>): Device => ({
  info: device.info,
  capabilities: device.capabilities,
  tuning: device.tuning,
  lost: device.lost,
  load: async () => ({
    run: () => Promise.reject(new Error('This program was only planned; compile it for a device.')),
    time: () => Promise.reject(new Error('This program was only planned; compile it for a device.')),
    finished: async () => {},
    dispose() {},
  }),
  read: (parameter) => device.read(parameter),
  forget() {},
  destroy() {},
});
