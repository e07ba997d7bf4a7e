// `five-tigers eval`: measures a model on held-out data.

import type { Metric } from '../../../models/index.ts';
import { loadWeights, openDataFiles } from '../../node.ts';
import { describeDevice, openChosenDevice, type DeviceOptions } from '../ui/device.ts';
import { addCommon, addProfile, addTuning, addWeights } from '../ui/options.ts';
import { openProfiler, profileTable, type ProfileOption } from '../ui/profile.ts';
import { grouped, percent, showProgress } from '../ui/terminal.ts';
import { loadModel } from '../ui/weights.ts';
import type { ModelCommand } from './command.ts';

interface EvalOptions extends DeviceOptions {
  readonly data: readonly string[];
  readonly baseline?: boolean;
  readonly weights?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Measures a model, and with `--baseline` its baselines too. */
export const evalCommand: ModelCommand<EvalOptions> = {
  name: 'eval',
  description: 'measure a model on held-out data',
  describe: ({ title, evaluate }) => `Measure the ${titles(evaluate!.metrics)} of ${title}.`,
  define(command, entry) {
    const { data, baseline } = entry.evaluate!;
    command.requiredOption('--data <path...>', data);
    if (baseline) command.option('--baseline', `also measure the baseline: ${baseline}`);
    addTuning(addProfile(addCommon(addWeights(command, entry))));
  },
  async run(entry, _, options, terminal) {
    const evaluation = entry.evaluate!;
    const { model, config, file } = await loadModel(entry, options, terminal);
    const data = await evaluation.open(model, await openDataFiles(options.data));
    const profiler = await openProfiler(options.profile);
    const device = await openChosenDevice(options, terminal);
    const progress = showProgress(terminal, evaluation.unit, data.count, options.json);
    try {
      const start = performance.now();
      const onProgress = (done: number) => progress.update(done);
      const metrics = await data.measure({ device, onProgress, onProgram: profiler.onProgram, loadWeights });
      const seconds = (performance.now() - start) / 1000;
      progress.stop();
      const baselines = (options.baseline && (await data.baselines?.({ device, loadWeights }))) || {};
      const profile = await profiler.complete(device);
      const [adapter, { count }] = [device.info.description, data];
      if (options.json) {
        const result = {
          model: entry.name,
          config,
          weights: file,
          metrics,
          baselines,
          count,
          adapter,
          seconds,
          profile,
        };
        terminal.result(JSON.stringify(result));
        return;
      }
      terminal.result(
        `${entry.name} (${config}): ${describeMetrics(metrics, evaluation.metrics)} ` +
          `(${grouped(count)} ${evaluation.unit}; ${seconds.toFixed(1)} s on ${describeDevice(device)})`,
      );
      for (const [baseline, measured] of Object.entries(baselines))
        terminal.result(`${baseline}: ${describeMetrics(measured, evaluation.metrics)}`);
      if (profile) terminal.result(profileTable(profile));
    } finally {
      progress.stop();
      device.destroy();
    }
  },
};

const titles = (metrics: Readonly<Record<string, Metric>>): string =>
  Object.values(metrics)
    .map(({ title }) => title)
    .join(' and ');

/** Metrics as text, such as `accuracy 99.36 %`, in the order in which they were measured. */
export const describeMetrics = (
  measured: Readonly<Record<string, number>>,
  metrics: Readonly<Record<string, Metric>>,
): string =>
  Object.entries(measured)
    .map(([name, value]) => {
      const { title = name, percent: isShare = false } = metrics[name] ?? {};
      return `${title} ${isShare ? percent(value) : value.toFixed(4)}`;
    })
    .join(', ');
