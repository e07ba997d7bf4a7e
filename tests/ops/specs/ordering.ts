// How ops that sort are called, and what they refuse.

import * as ops from '../../../src/ops/index.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { noAxis } from './reductions.ts';
import { wrongTypes } from './wrong.ts';

export const ordering: Record<string, OpSpec> = {
  argsort: {
    call: ([x], { axis, ...options }: { axis: number } & ops.SortOptions) => ops.argsort(x, axis, options),
    wrong: [noAxis({ axis: 2 }), { ...wrongTypes('bool'), attrs: { axis: 0 } }],
  },
};
