// Waiting for a software adapter sleeps, to leave it the core that a busy event loop would take.

import { expect, test } from 'vitest';
import { waitAsleep } from '../../src/backends/webgpu/wait-node.ts';

/** CPU time as a fraction of the duration of `work`, with a busy event loop like Dawn's. */
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

test('a wait sleeps, also with several concurrent or consecutive waits', async () => {
  expect(await loadDuring(() => waitAsleep(later(300)))).toBeLessThan(0.5);
  expect(await loadDuring(() => Promise.all([waitAsleep(later(300)), waitAsleep(later(200))]))).toBeLessThan(0.5);
});

test('a wait returns the result of the work and rethrows its errors', async () => {
  expect(await waitAsleep(later(1))).toBe('done');
  await expect(waitAsleep(Promise.reject(new Error('lost')))).rejects.toThrow('lost');
});
