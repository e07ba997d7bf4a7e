// The worker's one device: opened when first needed and again after a loss, on the CPU where there is no GPU.

import { DeviceLostError, openDevice, type Device, type DeviceInfo } from '../../../src/index.ts';
import type { DeviceNote } from '../protocol.ts';

const ASKED_FOR_CPU = 'The address of this page asks for it (?device=cpu).';
/** Milliseconds within which the news of a lost device comes after the error that it has caused. */
const NEWS = 200;

/** Keeps a device open. */
export class Devices {
  readonly #kind: 'auto' | 'cpu';
  readonly #onOpened: (note: DeviceNote) => void;
  readonly #onLost: (reason: string) => void;
  #open: Promise<Device> | null = null;

  constructor(kind: 'auto' | 'cpu', onOpened: (note: DeviceNote) => void, onLost: (reason: string) => void) {
    this.#kind = kind;
    this.#onOpened = onOpened;
    this.#onLost = onLost;
  }

  /** The device in use; a new one if the last is lost. */
  get(): Promise<Device> {
    this.#open ??= this.#openAnother();
    return this.#open;
  }

  /** The device in use, but not `failed`, of whose loss the news may still be on its way. */
  async insteadOf(failed: Device): Promise<Device> {
    if ((await this.#open) === failed) {
      this.#open = null;
      failed.destroy();
    }
    return this.get();
  }

  /** Does `work` on the device, and once more if a device was lost meanwhile. */
  async use<T>(work: (device: Device) => Promise<T>): Promise<T> {
    const device = await this.get();
    try {
      return await work(device);
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      // It may have been an earlier device, with a network's newest weights on it; then this one stays.
      await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, NEWS))]);
      return work(await this.get());
    }
  }

  async #openAnother(): Promise<Device> {
    let reason: string | null = ASKED_FOR_CPU;
    let device: Device | null = null;
    if (this.#kind === 'auto') {
      try {
        device = await openDevice('webgpu');
        reason = null;
      } catch (error) {
        reason = (error as Error).message;
      }
    }
    const opened = device ?? (await openDevice('cpu'));
    void opened.lost.then(async (why) => {
      this.#onLost(why);
      if ((await this.#open) === opened) this.#open = null;
    });
    this.#onOpened({ ...noteOf(opened.info), reason });
    return opened;
  }
}

function noteOf({ kind, vendor, architecture, description, software, features, limits }: DeviceInfo) {
  const facts = [
    [vendor, architecture].filter(Boolean).join(' '),
    features.length > 0 && `features: ${features.join(', ')}`,
    ...Object.entries(limits).map(([name, value]) => `${name}: ${value.toLocaleString('en')}`),
  ];
  return { kind, description, software, details: facts.filter(Boolean).join('\n') };
}
