// Ctrl-C during `five-tigers train` writes a checkpoint from which the run resumes exactly.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { jsonLines, lossesIn, run, start, temporaryFolder, writeSmallMnist } from './cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder(), name);

beforeAll(async () => {
  await mkdir(at('mnist'));
  await writeSmallMnist(at('mnist'));
});

test.each([
  ['cpu', 'SIGINT'],
  ['cpu', 'SIGTERM'],
  ['webgpu', 'SIGINT'],
] as const)(
  'on %s, %s writes a checkpoint',
  async (device, signal) => {
    const name = `${device}-${signal}`;
    const command = (out: string) => {
      return ['train', 'lenet5', '--json', '--device', device, '--data', at('mnist'), '--out', at(out)];
    };
    const options = ['--epochs', '500', '--batch', '4'];
    const { child, outcome } = start(...command(`${name}.safetensors`), ...options);
    let text = '';
    child.stdout!.on('data', (part: string) => {
      const wasTraining = text.includes('"step":3');
      text += part;
      if (!wasTraining && text.includes('"step":3')) child.kill(signal);
    });
    const interrupted = await outcome;
    const checkpoint = at(`${name}.checkpoint.safetensors`);
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toMatch(
      /Stopped after step \d+\. Resume with:\n {2}five-tigers train lenet5 .*--resume /,
    );
    expect(interrupted.stderr).toContain(checkpoint);
    const last = jsonLines(interrupted).at(-1)!;
    expect(last).toMatchObject({ event: 'checkpoint', checkpoint, step: lossesIn(interrupted).length });

    const resumed = await run(...command('resumed'), '--resume', checkpoint, '--steps', String(Number(last.step) + 3));
    expect(resumed.code).toBe(0);
    expect(lossesIn(resumed)).toHaveLength(3);
    // Exact resuming on a GPU is tested elsewhere, without starting processes.
    if (device === 'webgpu') return;
    const whole = await run(...command('whole'), ...options, '--steps', String(Number(last.step) + 3));
    expect([...lossesIn(interrupted), ...lossesIn(resumed)]).toEqual(lossesIn(whole));
  },
  180_000,
);
