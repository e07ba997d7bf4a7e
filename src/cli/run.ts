// `five-tigers run`: which digit is on a picture.

import type { ModelEntry } from '../../models/index.ts';
import { decodeImage, readFileOrExplain, toDigit } from '../node.ts';
import { openWithNews, type DeviceOptions } from './device.ts';
import { classify } from './digits.ts';
import { openProfiler, profileTable, type ProfileOption } from './profile.ts';
import { percent, type Terminal } from './terminal.ts';
import { loadModel } from './weights.ts';

/** Options of the command. */
export interface RunOptions extends DeviceOptions {
  readonly weights?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

const BAR_WIDTH = 40;

/** Classifies the PNG or JPEG `file` with `entry`, registered as `name`. */
export async function runModel(
  name: string,
  entry: ModelEntry,
  file: string,
  options: RunOptions,
  terminal: Terminal,
): Promise<void> {
  const { data, width, height } = decodeImage(await readFileOrExplain(file, 'the image'), file);
  const input = toDigit(data, width, height);
  if (!input) throw new Error(`${file} is an empty page: there is no digit on it.`);
  const { model, config } = await loadModel(entry, options.weights, options.config);
  const profiler = await openProfiler(options.profile);
  const device = await openWithNews(options, terminal);
  try {
    const probabilities = await classify(device, model, input, profiler.onProgram);
    const profile = await profiler.complete(device);
    const digit = probabilities.indexOf(Math.max(...probabilities));
    const adapter = device.info.description;
    if (options.json) {
      terminal.result(JSON.stringify({ model: name, config, digit, probabilities, adapter, profile }));
      return;
    }
    terminal.result(probabilityTable(probabilities, digit));
    if (profile) terminal.result(profileTable(profile));
  } finally {
    device.destroy();
  }
}

function probabilityTable(probabilities: readonly number[], digit: number): string {
  const rows = probabilities.map((probability, i) => {
    const bar = '█'.repeat(Math.round(BAR_WIDTH * probability)).padEnd(BAR_WIDTH);
    return `${i === digit ? '▸' : ' '} ${i}  ${bar} ${percent(probability).padStart(8)}`;
  });
  return rows.join('\n');
}
