// Opens the device that --device selects, and describes it.

import {
  openDevice,
  parseTuningTable,
  readFileOrExplain,
  type Device,
  type DeviceKind,
  type TuningTable,
} from '../../node.ts';
import type { Terminal } from './terminal.ts';

/** The choices of --device. */
export const deviceKinds: readonly DeviceKind[] = ['auto', 'webgpu', 'cpu'];

/** Where a command computes, and which table from `five-tigers tune` chooses its kernels. */
export interface DeviceOptions {
  readonly device: DeviceKind;
  readonly tuning?: string;
}

/** The tuning table in `file`. */
export async function readTuning(file: string): Promise<TuningTable> {
  const bytes = await readFileOrExplain(file, 'the tuning table');
  return parseTuningTable(new TextDecoder().decode(bytes), file);
}

/** Opens the device that --device selects. Without a GPU, `auto` is the CPU, and a note says why. */
export async function openChosenDevice({ device: kind, tuning }: DeviceOptions, terminal: Terminal): Promise<Device> {
  // Read first: a bad file should not cost opening the device.
  const table = tuning ? await readTuning(tuning) : null;
  const device = await openKind(kind, terminal);
  device.tuning = table;
  return device;
}

async function openKind(kind: DeviceKind, terminal: Terminal): Promise<Device> {
  if (kind !== 'auto') return openDevice(kind);
  try {
    return await openDevice('webgpu');
  } catch (error) {
    terminal.note(`${(error as Error).message}\nUsing the CPU reference, which is slow.`);
    return openDevice('cpu');
  }
}

/** The device in one line. */
export function describeDevice({ info }: Device): string {
  const isSoftware = info.kind === 'webgpu' && info.software;
  return isSoftware ? `${info.description} (a software GPU)` : info.description;
}
