// `five-tigers diverge`: the first node of a model that this GPU computes otherwise than the CPU.

import { writeFile } from 'node:fs/promises';
import type { ModelEntry } from '../../models/index.ts';
import { diverge, openDevice, type DeviceKind, type NodeReport } from '../node.ts';
import { CommandError, USAGE } from './command-error.ts';
import { describeDevice } from './device.ts';
import { modelGraph } from './model-graph.ts';
import { openProfiler, profileTable, type ProfileOption } from './profile.ts';
import { showProgress, type Terminal } from './terminal.ts';
import { loadModel } from './weights.ts';

/** Options of the command. */
export interface DivergeCommandOptions {
  readonly weights?: string;
  readonly config?: string;
  readonly train?: boolean;
  readonly batch?: number;
  readonly seed?: number;
  readonly out?: string;
  readonly device: DeviceKind;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Compares `entry`, registered as `name`, node by node; ends with exit code 1 and writes a repro at the first wrong one. */
export async function divergeModel(
  name: string,
  entry: ModelEntry,
  options: DivergeCommandOptions,
  terminal: Terminal,
): Promise<void> {
  const { train = false, batch = 2, seed = 1, out = `${name}-divergence.json`, json } = options;
  if (options.device === 'cpu')
    throw new CommandError('diverge compares a GPU with the CPU: --device cpu is the reference.', USAGE);
  const { model } = await loadModel(entry, options.weights, options.config);
  const profiler = await openProfiler(options.profile);
  const device = await openDevice('webgpu');
  let progress: ReturnType<typeof showProgress> | undefined;
  try {
    const { fn, specs, inputs } = modelGraph(entry, model, { batch, train, seed });
    const onProgress = (done: number, total: number, op: string) => {
      progress ??= showProgress(terminal, 'nodes', total, json);
      progress.update(done, op);
    };
    const { onProgram } = profiler;
    const { nodes, compared, worst, repro } = await diverge(device, fn, specs, inputs, { seed, onProgress, onProgram });
    const profile = await profiler.complete(device);
    progress?.stop();
    const adapter = device.info.description;
    if (json) terminal.result(JSON.stringify({ model: name, adapter, nodes, compared, worst, repro, profile }));
    if (repro) {
      await writeFile(out, `${JSON.stringify({ model: name, train, batch, ...repro }, null, 2)}\n`);
      throw new CommandError(
        `${name} diverges at node ${repro.node} of ${nodes}, ${describeNode(worst!)}: ${repro.problem}.\n` +
          `All nodes before it are right. What it takes to see it again is in ${out}.`,
      );
    }
    if (json) return;
    const closest = worst ? ` Nearest to its tolerance: node ${worst.index}, ${describeNode(worst)}, at ${(100 * worst.part).toFixed(0)} % of it.` : ''; // prettier-ignore
    terminal.result(`${name}: all ${compared} nodes that compute agree with the CPU on ${describeDevice(device)}.${closest}`); // prettier-ignore
    if (profile) terminal.result(profileTable(profile));
  } finally {
    progress?.stop();
    device.destroy();
  }
}

const describeNode = ({ op, kernels, outputs }: NodeReport): string =>
  `${op} (${kernels.join(', ')}) → ${outputs.map(({ dtype, shape }) => `${dtype}[${shape.join(', ')}]`).join(' ')}`;
