// All op records that the modules in src/ops export.

import type { Op } from '../../src/core/op.ts';

const modules = import.meta.glob<Record<string, unknown>>('../../src/ops/**/*.ts', { eager: true });

const isOp = (value: unknown): value is Op =>
  typeof value === 'object' && value !== null && ['name', 'infer', 'kind', 'cpu', 'vjp'].every((key) => key in value);

/** The op records exported by the modules in src/ops, alone or in lists. */
export const records: ReadonlySet<Op> = new Set(
  Object.values(modules).flatMap((module) => Object.values(module).flat().filter(isOp)),
);
