// `five-tigers models`: lists the models and what each can do.

import { models, type ModelRecord } from '../../../models/index.ts';
import { textTable } from '../ui/table.ts';
import { grouped, type Terminal } from '../ui/terminal.ts';
import type { PlainCommand } from './command.ts';

interface ModelsOptions {
  readonly json?: boolean;
}

/** Lists the registry, without loading any model. */
export const modelsCommand: PlainCommand<ModelsOptions> = {
  name: 'models',
  description: 'list the models: family, size, measured results and commands',
  define: (command) => void command.option('--json', 'print results as JSON'),
  async run({ json }, terminal: Terminal) {
    const records = Object.values<ModelRecord>(models);
    if (json) {
      const list = records.map(({ name, title, family, config, configs, parameters, weightsBytes, capabilities, metrics }) => ({
        name, title, family, config, configs, parameters, weightsBytes, capabilities, metrics,
      })); // prettier-ignore
      terminal.result(JSON.stringify(list, null, 1));
      return;
    }
    const rows = records.map(({ name, family, parameters, weightsBytes, capabilities, metrics }) => [
      family,
      name,
      grouped(parameters),
      weightsBytes === null ? 'not shipped yet' : `${grouped(Math.round(weightsBytes / 1000))} kB`,
      Object.entries(metrics).map(([metric, value]) => `${metric} ${value}`).join(', ') || '–',
      capabilities.join(' '),
    ]); // prettier-ignore
    terminal.result(textTable([['family', 'name', 'parameters', 'weights', 'measured', 'commands'], ...rows], [2, 3]));
  },
};
