// `train --weights`: runs that start from weights, with their vocabulary.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lossesIn, run, temporaryFolder } from './cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder(), name);
const text = (line: string) => `${line}\n`.repeat(60);

const train = (data: string, out: string, ...more: string[]) =>
  run(
    'train', 'char-gpt', '--config', 'tiny', '--device', 'cpu', '--json', '--batch', '4', '--length', '16', '--epochs', '6', '--warmup', '1',
    '--data', at(data), '--out', at(out), ...more,
  ); // prettier-ignore

test('a run continues from weights, on a text that has only some of their characters', async () => {
  await writeFile(at('all.txt'), text('to be or not to be'));
  await writeFile(at('some.txt'), text('not to be'));
  const fresh = await train('all.txt', 'first.safetensors');
  expect(fresh.code, fresh.stderr).toBe(0);
  const tuned = await train('some.txt', 'second.safetensors', '--weights', at('first.safetensors'));
  expect(tuned.code, tuned.stderr).toBe(0);
  const [from, to] = [lossesIn(fresh) as number[], lossesIn(tuned) as number[]];
  expect(to[0]).toBeLessThan(0.9 * from[0]);
});

test('characters that the weights do not know are named', async () => {
  await writeFile(at('strange.txt'), text('to be, ξένος'));
  const { code, stderr } = await train('strange.txt', 'third.safetensors', '--weights', at('first.safetensors'));
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/ξ/);
});

test('a resumed run does not take weights', async () => {
  const checkpoint = at('first.checkpoint.safetensors');
  const { code, stderr } = await run(
    'train', 'char-gpt', '--device', 'cpu', '--data', at('all.txt'), '--resume', checkpoint, '--weights', at('first.safetensors'),
  ); // prettier-ignore
  expect(code).toBe(2);
  expect(stderr).toMatch(/use either that or --resume/);
});
