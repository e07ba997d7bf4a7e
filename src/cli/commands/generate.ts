// `five-tigers generate`: generates with a model: text, streamed to the terminal, or images, in a PNG.

import { writeFile } from 'node:fs/promises';
import type { GenerationRequest, ModelEntry, Work } from '../../../models/index.ts';
import { writeFileAtomic, type Module } from '../../node.ts';
import { CommandError, INTERRUPTED } from '../ui/command-error.ts';
import { describeDevice, openChosenDevice, type DeviceOptions } from '../ui/device.ts';
import { watchInterruption } from '../ui/interruption.ts';
import { addCommon, addOwn, addProfile, addTuning, addWeights, integer, ownValues } from '../ui/options.ts';
import { imageGrid } from '../ui/image-grid.ts';
import { openProfiler, profileTable, type ProfileOption } from '../ui/profile.ts';
import { showProgress, type Terminal } from '../ui/terminal.ts';
import { orOfferDrop } from '../ui/unknown-characters.ts';
import { loadModel } from '../ui/weights.ts';
import { expectWritable } from '../ui/writable.ts';
import type { ModelCommand } from './command.ts';

interface GenerateOptions extends DeviceOptions {
  readonly count?: number;
  readonly seed?: number;
  readonly out?: string;
  readonly weights?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Generates with a model. */
export const generateCommand: ModelCommand<GenerateOptions> = {
  name: 'generate',
  description: 'generate text or images with a model',
  describe: ({ title, generate }) => `Generate ${generate!.kind === 'text' ? 'text' : 'images'} with ${title}.`,
  define(command, entry) {
    const { unit, count, options, kind } = entry.generate!;
    const file =
      kind === 'text'
        ? 'where to write the text (default: to the terminal)'
        : `a PNG of all images (default: ${entry.name}.png)`;
    command
      .option('--count <n>', `number of ${unit} (default: ${count})`, integer(1))
      .option('--seed <n>', 'random seed; the same seed gives the same result (default: 1)', integer(0));
    addOwn(command, options).option('--out <file>', file);
    addTuning(addProfile(addCommon(addWeights(command, entry))));
  },
  async run(entry, _, options, terminal) {
    const generation = entry.generate!;
    const { count = generation.count, seed = 1, json } = options;
    const out = options.out ?? (generation.kind === 'images' ? `${entry.name}.png` : undefined);
    if (out) await expectWritable(out);
    const { model, config } = await loadModel(entry, options, terminal);
    const profiler = await openProfiler(options.profile);
    const device = await openChosenDevice(options, terminal);
    const stopping = new AbortController();
    const interruption = watchInterruption(() => stopping.abort());
    try {
      const start = performance.now();
      const request = { count, seed, options: ownValues(generation.options, options) };
      const work = { device, onProgram: profiler.onProgram, signal: stopping.signal };
      const made = await orOfferDrop(generation, async () =>
        generation.kind === 'text'
          ? { text: await streamText(entry, model, request, work, json || !!out ? null : terminal) }
          : { images: await drawImages(entry, model, request, work, out!, terminal, json) },
      );
      const seconds = (performance.now() - start) / 1000;
      if (made.text !== undefined && out) await writeText(out, made.text);
      const profile = await profiler.complete(device);
      if (json) {
        const { adapter, values } = { adapter: device.info.description, values: request.options };
        terminal.result(
          JSON.stringify({
            model: entry.name,
            config,
            ...values,
            ...made,
            count,
            seed,
            out,
            adapter,
            seconds,
            profile,
          }),
        );
        return;
      }
      if (out)
        terminal.result(`${count} ${generation.unit} in ${out} (${seconds.toFixed(1)} s on ${describeDevice(device)})`);
      if (profile) terminal.result(`\n${profileTable(profile)}`);
      if (interruption.requested) throw new CommandError('Stopped.', INTERRUPTED);
    } finally {
      interruption.end();
      device.destroy();
    }
  },
};

/** Generates the whole text, printing it as it comes unless `terminal` is null. */
async function streamText(
  { generate }: ModelEntry,
  model: Module,
  request: GenerationRequest,
  work: Work,
  terminal: Terminal | null,
): Promise<string> {
  if (generate!.kind !== 'text') throw new Error('This model does not generate text.');
  let text = '';
  try {
    for await (const piece of generate!.generate(model, request, work)) {
      // With the first piece: a rejected prompt is not printed.
      if (text === '' && typeof request.options.prompt === 'string') terminal?.piece(request.options.prompt);
      text += piece;
      terminal?.piece(piece);
    }
  } catch (error) {
    // What came before Ctrl-C is kept.
    if (!work.signal?.aborted) throw error;
  }
  if (text !== '') terminal?.piece('\n');
  return text;
}

/** Writes all images to one PNG; returns the size of an image. */
async function drawImages(
  { generate, name }: ModelEntry,
  model: Module,
  request: GenerationRequest,
  work: Work,
  out: string,
  terminal: Terminal,
  quiet?: boolean,
): Promise<{ readonly width: number; readonly height: number }> {
  if (generate!.kind !== 'images') throw new Error('This model does not generate images.');
  const progress = showProgress(terminal, name, request.count, quiet);
  const onProgress = (done: number) => progress.update(done);
  const images = await generate!.generate(model, request, { ...work, onProgress }).finally(() => progress.stop());
  await writeFileAtomic(out, imageGrid(images));
  return { width: images.width, height: images.height };
}

async function writeText(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((cause: Error) => {
    throw new CommandError(`Cannot write the text: ${cause.message}`, 1, { cause });
  });
}
