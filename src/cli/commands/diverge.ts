// `five-tigers diverge`: the first node of a model whose result on this GPU differs from the CPU's.

import { writeFile } from 'node:fs/promises';
import type { ModelEntry } from '../../../models/index.ts';
import { diverge, openDevice, type DeviceKind, type NodeReport } from '../../node.ts';
import { CommandError, USAGE } from '../ui/command-error.ts';
import { describeDevice } from '../ui/device.ts';
import { addTrain, chosenGraph, seededModel } from '../ui/graphs.ts';
import { addCommon, addProfile, addWeights, integer } from '../ui/options.ts';
import { openProfiler, profileTable, type ProfileOption } from '../ui/profile.ts';
import { showProgress, type Terminal } from '../ui/terminal.ts';
import { loadModel } from '../ui/weights.ts';
import type { ModelCommand } from './command.ts';

interface DivergeCommandOptions {
  readonly weights?: string;
  readonly config?: string;
  readonly train?: string | true;
  readonly batch?: number;
  readonly seed?: number;
  readonly out?: string;
  readonly device: DeviceKind;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Compares a model node by node; at the first node that differs, writes a repro and exits with code 1. */
export const divergeCommand: ModelCommand<DivergeCommandOptions> = {
  name: 'diverge',
  description: 'find the first node of a model whose GPU result differs from the CPU reference',
  describe: ({ title }) => `Find the first node of ${title} whose GPU result differs from the CPU reference.`,
  define(command, entry) {
    addTrain(command, entry)
      .option('--batch <n>', 'batch size (default: 2)', integer(1))
      .option('--seed <n>', 'seed of the inputs (default: 1)', integer(0))
      .option('--out <file>', `where to write a repro (default: ${entry.name}-divergence.json)`);
    addProfile(addCommon(addWeights(command, entry)));
  },
  run: (entry, _, options, terminal) => divergeModel(entry, options, terminal),
};

async function divergeModel(entry: ModelEntry, options: DivergeCommandOptions, terminal: Terminal): Promise<void> {
  const { name, config, weights } = entry;
  const { train, batch = 2, seed = 1, out = `${name}-divergence.json`, json } = options;
  if (options.device === 'cpu')
    throw new CommandError('diverge compares a GPU with the CPU reference, so it cannot run with --device cpu.', USAGE);
  // Without shipped weights, random ones test the kernels just as well.
  const wanted = options.config ?? config;
  const isFresh = !options.weights && !Object.hasOwn(weights, wanted);
  const model = isFresh ? seededModel(entry, wanted) : (await loadModel(entry, options, terminal)).model;
  const profiler = await openProfiler(options.profile);
  const device = await openDevice('webgpu');
  let progress: ReturnType<typeof showProgress> | undefined;
  try {
    const { fn, specs, inputs } = chosenGraph(entry, model, { batch, train, seed });
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
      await writeFile(out, `${JSON.stringify({ model: name, train: train ?? false, batch, ...repro }, null, 2)}\n`);
      throw new CommandError(
        `${name} diverges at node ${repro.node} of ${nodes}, ${describeNode(worst!)}: ${repro.problem}.\n` +
          `All nodes before it agree. A repro is in ${out}.`,
      );
    }
    if (json) return;
    const closest = worst ? ` Closest to its tolerance: node ${worst.index}, ${describeNode(worst)}, at ${(100 * worst.part).toFixed(0)} % of it.` : ''; // prettier-ignore
    terminal.result(`${name}: all ${compared} compared nodes on ${describeDevice(device)} agree with the CPU.${closest}`); // prettier-ignore
    if (profile) terminal.result(profileTable(profile));
  } finally {
    progress?.stop();
    device.destroy();
  }
}

const describeNode = ({ op, kernels, outputs }: NodeReport): string =>
  `${op} (${kernels.join(', ')}) → ${outputs.map(({ dtype, shape }) => `${dtype}[${shape.join(', ')}]`).join(' ')}`;
