// Checks the GPU beside the page, so that it stays smooth: opens it at once, and starts when the page says so.

import { openDevice, verify, verifyReport, type Device, type VerifyRow } from '../../src/index.ts';
import type { Reply, Request } from './protocol.ts';

const reply = (message: Reply): void => postMessage(message);

/** The GPU, or null where there is none; then the page knows why. */
async function open(): Promise<Device | null> {
  try {
    const device = await openDevice('webgpu');
    const { description, software, vendor, architecture, features } = device.info;
    reply({
      type: 'device',
      description: software ? `${description} (a GPU simulated by the CPU)` : description,
      details: [[vendor, architecture].filter(Boolean).join(', '), features.join(', ')].filter(Boolean).join(' · '),
      f16: device.capabilities!.f16,
    });
    return device;
  } catch (error) {
    reply({ type: 'problem', message: `There is no WebGPU here: ${(error as Error).message}` });
    return null;
  }
}

let device = open();

async function check({ ops }: Request): Promise<void> {
  const gpu = await device;
  if (!gpu) return;
  const rows: VerifyRow[] = [];
  let unsent: VerifyRow[] = [];
  try {
    const onProgress = (done: number, total: number, op: string) => {
      reply({ type: 'rows', rows: unsent });
      unsent = [];
      reply({ type: 'progress', done, total, op });
    };
    for await (const row of verify(gpu, { ops, onProgress })) {
      rows.push(row);
      unsent.push(row);
    }
    reply({ type: 'finished', report: verifyReport(gpu, rows) });
  } catch (error) {
    reply({ type: 'problem', message: (error as Error).message });
    // The GPU may have gone in the middle: the next check starts with a new one.
    gpu.destroy();
    device = open();
  }
}

onmessage = ({ data }: MessageEvent<Request>) => {
  if (data.type === 'start') void check(data);
};
