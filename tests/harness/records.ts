// All op records, found in what the modules of src/ops export.

import type { Op } from '../../src/core/op.ts';

const modules = import.meta.glob<Record<string, unknown>>('../../src/ops/**/*.ts', { eager: true });

const isOp = (value: unknown): value is Op =>
  typeof value === 'object' && value !== null && ['name', 'infer', 'kind', 'cpu', 'vjp'].every((key) => key in value);

/** All records that the modules of src/ops export, alone or in lists. */
export const records: ReadonlySet<Op> = new Set(
  Object.values(modules).flatMap((module) => Object.values(module).flat().filter(isOp)),
);
