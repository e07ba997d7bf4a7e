// `five-tigers run`: runs a model on one input.

import type { Ranked, RunResult } from '../../../models/index.ts';
import { decodeImage, readFileOrExplain } from '../../node.ts';
import { openChosenDevice, type DeviceOptions } from '../ui/device.ts';
import { addCommon, addOwn, addProfile, addTuning, addWeights, ownValues } from '../ui/options.ts';
import { openProfiler, profileTable, type ProfileOption } from '../ui/profile.ts';
import { percent } from '../ui/terminal.ts';
import { orOfferDrop } from '../ui/unknown-characters.ts';
import { loadModel } from '../ui/weights.ts';
import type { ModelCommand } from './command.ts';

interface RunOptions extends DeviceOptions {
  readonly weights?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

const BAR_WIDTH = 40;

/** Runs a model once, on the input given on the command line. */
export const runCommand: ModelCommand<RunOptions> = {
  name: 'run',
  description: 'run a model on one input: an image, a prompt, a sentence',
  describe: ({ title }) => `Run ${title} on one input.`,
  define(command, entry) {
    const { input, description, options } = entry.run!;
    addOwn(command.argument(`<${input}>`, description), options);
    addTuning(addProfile(addCommon(addWeights(command, entry))));
  },
  async run(entry, [text], options, terminal) {
    const { model, config } = await loadModel(entry, options, terminal);
    const profiler = await openProfiler(options.profile);
    const request = {
      text,
      image: async () => decodeImage(await readFileOrExplain(text, 'the image'), text),
      options: ownValues(entry.run!.options, options),
    };
    const device = await openChosenDevice(options, terminal);
    try {
      const work = { device, onProgram: profiler.onProgram };
      const { tables, values, notes = [] } = await orOfferDrop(entry.run!, () => entry.run!.run(model, request, work));
      const profile = await profiler.complete(device);
      const adapter = device.info.description;
      if (options.json) {
        terminal.result(JSON.stringify({ model: entry.name, config, ...values, adapter, profile }));
        return;
      }
      for (const note of notes) terminal.note(note);
      terminal.result(tables.map(describeTable).join('\n\n'));
      if (profile) terminal.result(profileTable(profile));
    } finally {
      device.destroy();
    }
  },
};

/** One line per answer, with its probability as a bar; the likeliest is marked. */
function describeTable({ title, rows }: RunResult['tables'][number]): string {
  const likeliest = Math.max(...rows.map(({ probability }) => probability));
  const width = Math.max(...rows.map(({ label }) => label.length));
  const line = ({ label, probability }: Ranked) => {
    const bar = '█'.repeat(Math.round(BAR_WIDTH * probability)).padEnd(BAR_WIDTH);
    return `${probability === likeliest ? '▸' : ' '} ${label.padEnd(width)}  ${bar} ${percent(probability).padStart(8)}`;
  };
  return [...(title ? [title] : []), ...rows.map(line)].join('\n');
}
