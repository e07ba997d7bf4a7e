// `five-tigers export`: writes a model as a file for ONNX Runtime, Triton and others.

import { basename, dirname, join } from 'node:path';
import { writeFileAtomic, type OnnxPortInfo } from '../../node.ts';
import { exportModel } from '../ui/onnx.ts';
import { addWeights, integer } from '../ui/options.ts';
import { version } from '../ui/versions.ts';
import { loadModel, type WeightsOptions } from '../ui/weights.ts';
import { expectWritable } from '../ui/writable.ts';
import type { ModelCommand } from './command.ts';

interface ExportOptions extends WeightsOptions {
  readonly onnx: string;
  readonly batch?: number;
  readonly external?: boolean;
  readonly json?: boolean;
}

/** Writes a model's forward pass with its weights. No GPU is needed. */
export const exportCommand: ModelCommand<ExportOptions> = {
  name: 'export',
  description: 'export a model to ONNX, for ONNX Runtime, Triton and others',
  describe: ({ title }) => `Export ${title} with its weights to ONNX.`,
  define(command, entry) {
    command
      .requiredOption('--onnx <file>', 'file to write')
      .option('--batch <n>', 'fixed batch size (default: any, if the model allows it)', integer(1))
      .option('--external', 'put the weights into FILE.data (always done above 2 GiB)')
      .option('--json', 'print results as JSON');
    addWeights(command, entry);
  },
  async run(entry, _, { onnx: file, batch, external, json, ...source }, terminal) {
    await expectWritable(file);
    const { model, config, details } = await loadModel(entry, source, terminal);
    const metadata = { ...details, model: entry.name, config };
    const limit = external ? { inlineLimit: 0 } : {};
    const externalName = `${basename(file)}.data`;
    const exported = await exportModel(entry, model, { batch, version, metadata, externalName, ...limit });
    const beside = exported.externalData && join(dirname(file), externalName);
    if (beside) await writeFileAtomic(beside, exported.externalData!);
    await writeFileAtomic(file, exported.model);
    const { opset, nodes, inputs, outputs } = exported;
    if (exported.fixed)
      terminal.note(
        exported.fixed.replace(/ Export fixed sizes\.$/, '') + ` Exported with a fixed batch size of ${batch ?? 1}.`,
      );
    if (json) {
      const files = [file, ...(beside ? [beside] : [])];
      terminal.result(JSON.stringify({ model: entry.name, config, files, opset, nodes, inputs, outputs }));
      return;
    }
    const bytes = exported.model.length + (exported.externalData?.size ?? 0);
    const ports = (title: string, list: readonly OnnxPortInfo[]) =>
      list.map(
        ({ name, dtype, shape }, i) => `${(i === 0 ? title : '').padEnd(9)}${name} ${dtype}[${shape.join(', ')}]`,
      );
    terminal.result(
      [
        `${entry.name} (${config}) → ${[file, ...(beside ? [beside] : [])].join(' and ')}: ${bytes.toLocaleString('en')} bytes, ${nodes} nodes, opset ${opset}`,
        ...ports('Inputs', inputs),
        ...ports('Outputs', outputs),
      ].join('\n'),
    );
  },
};
