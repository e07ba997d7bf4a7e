// Times the GPU beside the page: the page's own drawing would otherwise wait for it, and it for the page.

import { bench, benchCases, benchSources, openDevice, type Device } from '../../src/index.ts';
import { modelBenchCases, models } from '../../models/index.ts';
import type { Reply, Request } from './protocol.ts';

const reply = (message: Reply): void => postMessage(message);
const cases = [...benchCases(), ...modelBenchCases(models)];
let stopping = new AbortController();

/** The GPU, or null where there is none; then the page knows why. */
async function open(): Promise<Device | null> {
  try {
    const device = await openDevice('webgpu');
    const { vendor, architecture, description, software } = device.info;
    reply({
      type: 'device',
      adapter: { vendor, architecture, description, software },
      description: software ? `${description} (a GPU simulated by the CPU)` : description,
    });
    return device;
  } catch (error) {
    reply({ type: 'problem', message: `There is no WebGPU here: ${(error as Error).message}` });
    return null;
  }
}

reply({ type: 'cases', cases: cases.map(({ name, group, large }) => ({ name, group, large })) });
let device = open();

async function start(request: Extract<Request, { type: 'start' }>): Promise<void> {
  const gpu = await device;
  if (!gpu) return;
  stopping = new AbortController();
  const chosen = cases.filter(({ name }) => request.cases.includes(name));
  try {
    const report = await bench(gpu, chosen, {
      all: true,
      variants: request.variants,
      seconds: request.seconds,
      signal: stopping.signal,
      onCeilings: (ceilings) => reply({ type: 'ceilings', ceilings }),
      onProgress({ done, total, name, row }) {
        if (row) reply({ type: 'row', row });
        else reply({ type: 'progress', done, total, name });
      },
    });
    reply({ type: 'finished', report });
  } catch (error) {
    reply({ type: 'problem', message: (error as Error).message });
    // The GPU may have gone in the middle: the next run starts with a new one.
    gpu.destroy();
    device = open();
  }
}

async function source({ name, variant }: Extract<Request, { type: 'source' }>): Promise<void> {
  const [gpu, one] = [await device, cases.find((other) => other.name === name)];
  if (!gpu || !one) return reply({ type: 'problem', message: `The kernels of ${name} are not known here.` });
  const kernels = await benchSources(gpu, one, variant);
  reply({ type: 'source', title: variant ? `${name}: ${variant}` : name, kernels });
}

onmessage = ({ data }: MessageEvent<Request>) => {
  if (data.type === 'start') void start(data);
  else if (data.type === 'source') void source(data);
  else stopping.abort();
};
