// Plans programs without a load on the device: for looking at steps and kernels.

import type { Device } from '../backends/device.ts';

/** A device that plans as `device` does, and makes nothing: what is compiled for it has a plan and cannot run. */
export const planOnly = (device: Omit<Device, 'load' | 'forget' | 'destroy'>): Device => ({
  info: device.info,
  capabilities: device.capabilities,
  tuning: device.tuning,
  lost: device.lost,
  load: async () => ({
    run: () => Promise.reject(new Error('This program was only planned.')),
    time: () => Promise.reject(new Error('This program was only planned.')),
    finished: async () => {},
    dispose() {},
  }),
  read: (parameter) => device.read(parameter),
  forget() {},
  destroy() {},
});
