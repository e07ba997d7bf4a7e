// Times the GPU beside the page: the page's own drawing would otherwise wait for it, and it for the page.

import {
  bench, benchCases, benchSources, compile, measureCeilings, mergeTuning, openDevice, profile, tune, variantNamed, type Device,
  type TuningTable,
} from '../../src/index.ts'; // prettier-ignore
import { modelBenchCases, models } from '../../models/index.ts';
import type { Reply, Request } from './protocol.ts';
import { loadTuning, saveTuning } from './tuning-store.ts';

const reply = (message: Reply): void => postMessage(message);
const entries = Promise.all(Object.values(models).map((record) => record.load()));
const cases = entries.then((loaded) => [...benchCases(), ...modelBenchCases(loaded)]);
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

void cases.then((all) =>
  reply({ type: 'cases', cases: all.map(({ name, group, large }) => ({ name, group, large })) }),
);
let device = open();
let tuning: Promise<TuningTable | null> = loadTuning();

async function tellTuning(changed?: number): Promise<void> {
  reply({ type: 'tuning', kept: Object.keys((await tuning)?.variants ?? {}).length, changed });
}
void tellTuning();

/** Does `work` on the GPU, if there is one, until it is done or stopped. */
async function onGpu(work: (gpu: Device) => Promise<void>): Promise<void> {
  const gpu = await device;
  if (!gpu) return;
  stopping = new AbortController();
  try {
    await work(gpu);
  } catch (error) {
    reply({ type: 'problem', message: (error as Error).message });
    // The GPU may have gone in the middle: the next run starts with a new one.
    gpu.destroy();
    device = open();
  }
}

const chosenCases = async (names: readonly string[]) => (await cases).filter(({ name }) => names.includes(name));

const start = (request: Extract<Request, { type: 'start' }>): Promise<void> =>
  onGpu(async (gpu) => {
    gpu.tuning = await tuning;
    const report = await bench(gpu, await chosenCases(request.cases), {
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
  });

const tuneGpu = (request: Extract<Request, { type: 'tune' }>): Promise<void> =>
  onGpu(async (gpu) => {
    const older = (await tuning) ?? { version: 1, variants: {} };
    const { table } = await tune(gpu, await chosenCases(request.cases), {
      all: true,
      seconds: request.seconds,
      signal: stopping.signal,
      onProgress: ({ done, total, name }) => reply({ type: 'progress', done, total, name }),
    });
    const changed = Object.entries(table.variants).filter(([key, name]) => older.variants[key] !== name).length;
    tuning = Promise.resolve(mergeTuning(older, table));
    // Without storage it holds until the page is closed.
    await saveTuning(await tuning).catch(() => {});
    await tellTuning(changed);
  });

async function forget(): Promise<void> {
  tuning = Promise.resolve(null);
  await saveTuning(null).catch(() => {});
  await tellTuning();
}

async function source({ name, variant }: Extract<Request, { type: 'source' | 'profile' }>): Promise<void> {
  const [gpu, one] = [await device, (await cases).find((other) => other.name === name)];
  if (!gpu || !one) return reply({ type: 'problem', message: `The kernels of ${name} are not known here.` });
  const kernels = await benchSources(gpu, one, variant);
  reply({ type: 'source', title: variant ? `${name}: ${variant}` : name, kernels });
}

const profileCase = ({ name, variant }: Extract<Request, { type: 'source' | 'profile' }>): Promise<void> =>
  onGpu(async (gpu) => {
    const one = (await cases).find((other) => other.name === name);
    if (!one) throw new Error(`The kernels of ${name} are not known here.`);
    using program = await compile(gpu, one.build(), {}, { chooseVariant: variantNamed(variant) });
    reply({ type: 'profile', profile: await profile(program, {}), ceilings: await measureCeilings(gpu) });
  });

onmessage = ({ data }: MessageEvent<Request>) => {
  if (data.type === 'start') void start(data);
  else if (data.type === 'tune') void tuneGpu(data);
  else if (data.type === 'source') void source(data);
  else if (data.type === 'profile') void profileCase(data);
  else if (data.type === 'forget') void forget();
  else stopping.abort();
};
