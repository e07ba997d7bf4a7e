// Opens the device that --device names, and says what it is.

import { openDevice, type Device, type DeviceKind } from '../node.ts';
import type { Terminal } from './terminal.ts';

/** The choices of --device. */
export const deviceKinds: readonly DeviceKind[] = ['auto', 'webgpu', 'cpu'];

/** Opens a device. `auto` without a GPU is the CPU, and the terminal is told why. */
export async function openWithNews(kind: DeviceKind, terminal: Terminal): Promise<Device> {
  if (kind !== 'auto') return openDevice(kind);
  try {
    return await openDevice('webgpu');
  } catch (error) {
    terminal.news(`${(error as Error).message}\nUsing the CPU reference, which is slow.`);
    return openDevice('cpu');
  }
}

/** One line on what computes. */
export function describeDevice({ info }: Device): string {
  const simulated = info.kind === 'webgpu' && info.software;
  return simulated ? `${info.description}, a GPU simulated by the CPU` : info.description;
}
