// The registry: the facts listed without loading a model are true.

import { readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { capabilitiesOf, models, type ModelRecord } from '../../models/index.ts';
import { run } from '../cli/cli.ts';

const folder = fileURLToPath(new URL('../../models', import.meta.url));
const records = Object.entries<ModelRecord>(models);

test.each(records)('%s matches its listed facts', async (name, record) => {
  const entry = await record.load();
  const { load: _, ...about } = record;
  expect(entry).toMatchObject(about);
  expect(record.name).toBe(name);
  expect(record.configs).toContain(record.config);
  expect(record.capabilities.toSorted()).toEqual(capabilitiesOf(entry).toSorted());
  const size = entry.build(record.config).parameters().reduce((sum, { size: count }) => sum + count, 0); // prettier-ignore
  expect(size).toBe(record.parameters);
  const shipped = entry.weights[record.config];
  expect(shipped ? statSync(fileURLToPath(shipped)).size : null).toBe(record.weightsBytes);
  if (shipped && entry.evaluate) expect(Object.keys(record.metrics)).toEqual(Object.keys(entry.evaluate.metrics));
});

/** All files in models that `file` imports statically, directly or indirectly. */
function importsOf(file: string, found = new Set<string>()): Set<string> {
  const text = readFileSync(file, 'utf8');
  for (const [, path] of text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)'/gm)) {
    const target = join(dirname(file), path);
    if (!target.startsWith(folder) || found.has(target)) continue;
    found.add(target);
    importsOf(target, found);
  }
  return found;
}

test('listing the models loads only their facts', () => {
  const ofModels = [...importsOf(join(folder, 'index.ts'))].map((file) => relative(folder, file));
  const inFolders = ofModels.filter((file) => file.includes(sep)).map((file) => file.split(sep).join('/'));
  expect(inFolders.length).toBe(records.length);
  for (const file of inFolders) expect(file).toMatch(/^\w+\/[\w-]+\/about\.ts$/);
});

test('`five-tigers models --json` lists them all', async () => {
  const outcome = await run('models', '--json');
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  const listed = JSON.parse(outcome.stdout) as ModelRecord[];
  expect(listed.map(({ name }) => name)).toEqual(Object.keys(models));
  for (const { name, family, parameters, weightsBytes, capabilities, metrics } of listed) {
    const { [name as keyof typeof models]: record } = models;
    expect({ family, parameters, weightsBytes, capabilities, metrics }).toEqual({
      family: record.family,
      parameters: record.parameters,
      weightsBytes: record.weightsBytes,
      capabilities: record.capabilities,
      metrics: record.metrics,
    });
  }
});

test('`five-tigers models` prints a table', async () => {
  const { code, stdout } = await run('models');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^family +name +parameters +weights +measured +commands\n/);
  expect(stdout).toMatch(/^cnn +lenet5 +61,706 +248 kB +accuracy 0\.9936 +train eval run /m);
});
