// Every shipped model's export computes the same in ONNX Runtime.

import { describe, expect, test } from 'vitest';
import { models, type ModelRecord } from '../../models/index.ts';
import { exportModel } from '../../src/cli/ui/onnx.ts';
import { compile, manualSeed, openDevice, type TensorData } from '../../src/node.ts';
import { deviation } from '../../src/verify/compare.ts';
import { units } from '../../src/verify/tolerances.ts';
import { problemsOf } from '../harness/onnx-check.ts';
import { runOnnx } from '../harness/onnx.ts';

/** Maximum number of weights for which the CPU reference is fast enough for a test. */
const MOST = 5_000_000;

const exportable = Object.values<ModelRecord>(models).filter(({ capabilities }) => capabilities.includes('export'));

describe.each(exportable.map((record) => [record.name, record] as const))('%s', (_name, record) => {
  test.for(record.configs)('config %s computes the same in ONNX Runtime', async (config, context) => {
    const entry = await record.load();
    manualSeed(1);
    const model = entry.build(config);
    const numbers = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
    context.skip(numbers > MOST, `${numbers} weights are too many for the CPU reference`);
    const exported = await exportModel(entry, model);
    expect([exported.fixed, problemsOf(exported)]).toEqual([undefined, []]);
    const device = await openDevice('cpu');
    const batches = numbers < 200_000 ? [1, 3] : [1];
    const examples = batches.map((batch) => entry.example!(model, batch, 5).forward);
    const actual = await runOnnx(
      exported,
      examples.map(({ specs, inputs }) => {
        const values = Object.entries(specs).map(([name, spec]): [string, TensorData] => [
          name,
          { ...spec, data: inputs[name] },
        ]);
        return { ...exported.state, ...Object.fromEntries(values) };
      }),
    );
    for (const [i, { fn, specs, inputs }] of examples.entries()) {
      using program = await compile(device, fn, specs);
      const expected = await program.run(inputs);
      for (const [name, value] of Object.entries(expected)) {
        expect([i, name, deviation(actual[i][name], value, units(1024)).problem]).toEqual([i, name, null]);
      }
    }
  });
});
