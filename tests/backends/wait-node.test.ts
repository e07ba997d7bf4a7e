// Waiting for a software adapter leaves it the core that an event loop without rest would take.

import { expect, test } from 'vitest';
import { waitAsleep } from '../../src/backends/webgpu/wait-node.ts';

/** Processor time, in parts of the time that `work` takes, with an event loop that turns without rest, as Dawn's does. */
async function loadDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = true;
  const turn = () => void (turns && setImmediate(turn));
  turn();
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  turns = false;
  return (user + system) / 1000 / (performance.now() - start);
}

const later = (milliseconds: number) => new Promise<string>((resolve) => setTimeout(resolve, milliseconds, 'done'));

test('a wait sleeps, and so do several at a time and one after another', async () => {
  expect(await loadDuring(() => waitAsleep(later(300)))).toBeLessThan(0.5);
  expect(await loadDuring(() => Promise.all([waitAsleep(later(300)), waitAsleep(later(200))]))).toBeLessThan(0.5);
});

test('gives what the work gives, and throws what it throws', async () => {
  expect(await waitAsleep(later(1))).toBe('done');
  await expect(waitAsleep(Promise.reject(new Error('lost')))).rejects.toThrow('lost');
});
