// The page's state in its address, so that a link brings others to the same tab and settings.

import type { OptimizerName } from '../../src/index.ts';
import type { Config, RunSettings } from './protocol.ts';
import { CONFIGS, OPTIMIZERS } from './settings.ts';

export type Tab = 'draw' | 'train';

/** What an address says; only what differs from the defaults is in it. */
export interface Address {
  readonly tab: Tab;
  readonly settings: Partial<RunSettings>;
}

/** Reads `#tab=train&lr=0.01&batch=32&optimizer=sgd&config=classic&seed=3`. What makes no sense is left out. */
export function readAddress(): Address {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (key: string, fits: (value: number) => boolean) => {
    const value = given.has(key) ? Number(given.get(key)) : NaN;
    return fits(value) ? value : undefined;
  };
  const name = <T extends string>(key: string, names: Readonly<Record<T, string>>) => {
    const value = given.get(key);
    return value !== null && Object.hasOwn(names, value) ? (value as T) : undefined;
  };
  const settings = {
    config: name<Config>('config', CONFIGS),
    learningRate: number('lr', (rate) => rate > 0 && Number.isFinite(rate)),
    batchSize: number('batch', (size) => Number.isInteger(size) && size >= 1 && size <= 1024),
    optimizer: name<OptimizerName>('optimizer', OPTIMIZERS),
    seed: number('seed', (seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32),
  };
  const known = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { tab: given.get('tab') === 'train' ? 'train' : 'draw', settings: known };
}

/** Writes the address without a step in the browser's history. */
export function writeAddress({ tab, settings }: Address): void {
  const { config, learningRate, batchSize, optimizer, seed } = settings;
  const fields = { tab: tab === 'draw' ? undefined : tab, config, lr: learningRate, batch: batchSize, optimizer, seed };
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) query.set(key, String(value));
  history.replaceState(null, '', query.size > 0 ? `#${query}` : location.pathname + location.search);
}
