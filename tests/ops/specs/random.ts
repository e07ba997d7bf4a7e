// Specs of ops that sample from logits: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { shaped, wrongTypes } from './wrong.ts';

const keepPart = (call: typeof ops.keepTopP, refused: number): OpSpec => ({
  call: ([x], { p }: { p: number }) => call(x, p),
  wrong: [
    { inputs: shaped([3]), attrs: { p: refused }, says: [String(refused)] },
    { inputs: shaped([]), attrs: { p: 0.5 } },
    { ...wrongTypes('i32'), attrs: { p: 0.5 } },
  ],
});

export const random: Record<string, OpSpec> = {
  keepTopK: {
    call: ([x], { k }: { k: number }) => ops.keepTopK(x, k),
    wrong: [
      { inputs: shaped([3]), attrs: { k: 0 }, says: ['0'] },
      { inputs: shaped([3]), attrs: { k: 1.5 }, says: ['1.5'] },
      { ...wrongTypes('i32'), attrs: { k: 1 } },
    ],
  },
  keepTopP: keepPart(ops.keepTopP, 0),
  keepMinP: keepPart(ops.keepMinP, -0.5),
};
