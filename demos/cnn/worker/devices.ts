// The worker's one device: opened when first needed and again after a loss, on the CPU where there is no GPU.

import { DeviceLostError, openDevice, type Device, type DeviceInfo } from '../../../src/index.ts';
import type { DeviceNote } from '../protocol.ts';

const ASKED_FOR_CPU = 'The address of this page asks for it (?device=cpu).';

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

  /** Does `work` on the device, and once more on another one if that device is lost meanwhile. */
  async use<T>(work: (device: Device) => Promise<T>): Promise<T> {
    const device = await this.get();
    try {
      return await work(device);
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      // Only then does `get()` give another one.
      await device.lost;
      return work(await this.get());
    }
  }

  async #openAnother(): Promise<Device> {
    console.log('DBG open another');
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
    console.log('DBG opened', reason);
    device ??= await openDevice('cpu');
    void device.lost.then((why) => {
      console.log('DBG lost', why); this.#open = null;
      this.#onLost(why);
    });
    this.#onOpened({ ...noteOf(device.info), reason });
    return device;
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
