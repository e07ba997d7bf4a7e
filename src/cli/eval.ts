// `five-tigers eval`: the share of MNIST's test images that a model tells right.

import type { ModelEntry } from '../../models/index.ts';
import { loadMnist } from '../node.ts';
import { describeDevice, openWithNews, type DeviceOptions } from './device.ts';
import { evaluate } from './digits.ts';
import { openProfiler, profileTable, type ProfileOption } from './profile.ts';
import { grouped, percent, showProgress, type Terminal } from './terminal.ts';
import { loadModel } from './weights.ts';

/** Options of the command. */
export interface EvalOptions extends DeviceOptions {
  readonly data: string;
  readonly weights?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Evaluates `entry`, registered as `name`. */
export async function evaluateModel(
  name: string,
  entry: ModelEntry,
  options: EvalOptions,
  terminal: Terminal,
): Promise<void> {
  const { model, config, file } = await loadModel(entry, options.weights, options.config);
  const test = await loadMnist(options.data, 'test');
  const profiler = await openProfiler(options.profile);
  const device = await openWithNews(options, terminal);
  const progress = showProgress(terminal, 'test images', test.count, options.json);
  try {
    const onProgress = (done: number) => progress.update(done);
    const { accuracy, count, seconds } = await evaluate(device, model, test, onProgress, profiler.onProgram);
    const profile = await profiler.complete(device);
    progress.stop();
    const adapter = device.info.description;
    terminal.result(
      options.json
        ? JSON.stringify({
            model: name,
            config,
            weights: file,
            accuracy,
            count,
            adapter,
            seconds,
            profile,
          })
        : `${name} (${config}) tells ${percent(accuracy)} of ${grouped(count)} test images right ` +
            `(${seconds.toFixed(1)} s on ${describeDevice(device)}).`,
    );
    if (profile && !options.json) terminal.result(profileTable(profile));
  } finally {
    progress.stop();
    device.destroy();
  }
}
