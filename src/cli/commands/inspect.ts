// `five-tigers inspect`: a model's plan, as a table, as JSON, or as a drawing.

import { Option } from 'commander';
import type { ModelEntry } from '../../../models/index.ts';
import { compile, inspectProgram, planOnly, type DeviceKind, type ProgramReport, type StepReport } from '../../node.ts';
import { describeDevice, openChosenDevice } from '../ui/device.ts';
import { graphSvg } from '../ui/graph-svg.ts';
import { addTrain, chosenGraph, describeGraph, seededModel } from '../ui/graphs.ts';
import { addCommon, addConfig, addProfile, integer } from '../ui/options.ts';
import { openProfiler, profileTable, type ProfileOption } from '../ui/profile.ts';
import { grouped, type Terminal } from '../ui/terminal.ts';
import type { ModelCommand } from './command.ts';

interface InspectOptions {
  readonly config?: string;
  readonly format: 'text' | 'json' | 'mermaid' | 'svg';
  readonly train?: string | true;
  readonly batch?: number;
  readonly device: DeviceKind;
  readonly json?: boolean;
  readonly profile?: ProfileOption;
}

/** Prints a model's plan. No kernel is compiled or run, except for `--profile`. */
export const inspectCommand: ModelCommand<InspectOptions> = {
  name: 'inspect',
  description: "show a model's compiled plan: steps, kernels, FLOPs, memory",
  describe: ({ title }) => `Show the compiled plan of ${title}: steps, kernels, FLOPs, memory.`,
  define(command, entry) {
    const formats = ['text', 'json', 'mermaid', 'svg'];
    addTrain(command, entry)
      .addOption(new Option('--format <name>', 'output format').choices(formats).default('text'))
      .option('--batch <n>', 'batch size (default: 1)', integer(1));
    addProfile(addCommon(addConfig(command, entry)));
  },
  run: (entry, _, options, terminal) => inspectModel(entry, options, terminal),
};

async function inspectModel(
  entry: ModelEntry,
  { config = entry.config, format, train, batch = 1, device: kind, json, profile: option }: InspectOptions,
  terminal: Terminal,
): Promise<void> {
  const { name } = entry;
  const model = seededModel(entry, config);
  const profiler = await openProfiler(option);
  const device = await openChosenDevice({ device: kind }, terminal);
  try {
    const { fn, specs, inputs } = chosenGraph(entry, model, { batch, train, seed: 1 });
    const named = [...model.namedParameters(), ...model.namedBuffers()];
    const names = new Map(named.map(([path, parameter]) => [parameter, path] as const));
    const compiled = await compile(option ? device : planOnly(device), fn, specs);
    const program = inspectProgram(compiled, names);
    await profiler.onProgram?.(compiled, inputs, name);
    const profile = await profiler.complete(device);
    const what = `${name} (${config}), ${describeGraph({ train })}, batch ${batch}`;
    const printed = json ? 'json' : format;
    if (printed === 'json') {
      terminal.result(
        JSON.stringify({
          model: name,
          config,
          train: train ?? false,
          batch,
          adapter: device.info.description,
          ...program,
          profile,
        }),
      );
    } else if (printed === 'mermaid') terminal.result(mermaid(program));
    else if (printed === 'svg') terminal.result(graphSvg(program.steps.map(boxOf), what));
    else terminal.result(`${what}, on ${describeDevice(device)}\n\n${table(program)}\n\n${totals(program)}`);
    // stdout holds the drawing alone.
    if (profile && printed !== 'json') terminal[printed === 'text' ? 'result' : 'note'](`\n${profileTable(profile)}`);
  } finally {
    device.destroy();
  }
}

const titleOf = ({ op, parts, kernels }: StepReport): string =>
  kernels.length > 0 ? [...new Set(kernels)].join(', ') : parts.join('+') || op;

const boxOf = (step: StepReport, at: number) => ({
  title: `${at} ${titleOf(step)}`,
  note: step.outputs.join(' '),
  leaves: [...step.reads, ...step.updates.map((name) => `→ ${name}`)],
  after: step.after,
});

/** 12345 as `12.3 k`. */
function short(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return power === 0 ? String(value) : `${(value / 1000 ** power).toPrecision(3)}${units[power]}`;
}

function table({ steps }: ProgramReport): string {
  const header = ['step', 'kernels', 'inputs', 'outputs', 'FLOP', 'bytes', 'after'];
  const cells = steps.map((step, at) => [
    String(at),
    titleOf(step),
    step.inputs.join(' '),
    step.outputs.join(' '),
    short(step.flops),
    short(step.bytes),
    [...step.after.map(String), ...step.reads].join(' '),
  ]);
  const rows = [header, ...cells];
  const widths = header.map((_, column) => Math.min(44, Math.max(...rows.map((row) => row[column].length))));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function totals(program: ProgramReport): string {
  const { peakBytes, bytesWithoutReuse } = program;
  const saving = peakBytes === null || !bytesWithoutReuse ? 0 : 1 - peakBytes / bytesWithoutReuse;
  const lines = [
    ['Steps', `${program.steps.length}, ${program.dispatches} dispatches`],
    ['Arithmetic', `${grouped(program.flops)} FLOP, at least ${grouped(program.bytes)} bytes read and written`],
    [
      'Parameters',
      `${grouped(program.parameters)} trainable; ${grouped(program.parameterBytes)} bytes including all state`,
    ],
    ['Inputs', `${grouped(program.inputBytes)} bytes`],
    peakBytes === null
      ? ['Memory', 'not planned: on the CPU each tensor has its own']
      : ['Memory', `${grouped(peakBytes)} bytes between steps, ${(100 * saving).toFixed(0)} % less than without reuse`],
  ];
  return lines.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n');
}

function mermaid({ steps }: ProgramReport): string {
  const quoted = (label: string) => label.replaceAll('"', "'");
  const nodes = steps.map((step, at) => `  s${at}["${quoted(`${titleOf(step)}<br>${step.outputs.join(' ')}`)}"]`);
  const leaves = [...new Set(steps.flatMap(({ reads }) => reads))];
  const named = leaves.map((name, i) => `  l${i}(["${quoted(name)}"])`);
  const edges = steps.flatMap(({ after, reads }, at) => [
    ...reads.map((name) => `  l${leaves.indexOf(name)} --> s${at}`),
    ...after.map((from) => `  s${from} --> s${at}`),
  ]);
  return ['flowchart TD', ...named, ...nodes, ...edges].join('\n');
}
