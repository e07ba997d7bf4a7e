// The tuning table that comes with the package. Made by: npm run tune:ship -- TABLE.json … (tables of `five-tigers tune`).

import type { TuningTable } from '../backends/device.ts';

export const shippedTuning: TuningTable = { version: 1, variants: {} };
