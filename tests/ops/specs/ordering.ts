// How ops that sort are called, and what they refuse.

import * as ops from '../../../src/ops/index.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { noAxis } from './reductions.ts';
import { shaped, wrongTypes } from './wrong.ts';

/** Which of the two results a case is about. */
interface Returns {
  readonly axis: number;
  readonly returns: keyof ops.Ordered;
}

const keepPart = (call: typeof ops.keepTopP, refused: number): OpSpec => ({
  call: ([x], { p }: { p: number }) => call(x, p),
  wrong: [
    { inputs: shaped([3]), attrs: { p: refused }, says: [String(refused)] },
    { inputs: shaped([]), attrs: { p: 0.5 } },
    { ...wrongTypes('i32'), attrs: { p: 0.5 } },
  ],
});

export const ordering: Record<string, OpSpec> = {
  argsort: {
    call: ([x], { axis, ...options }: { axis: number } & ops.SortOptions) => ops.argsort(x, axis, options),
    wrong: [noAxis({ axis: 2 }), { ...wrongTypes('bool'), attrs: { axis: 0 } }],
  },
  sort: {
    call: ([x], { axis, returns, ...options }: Returns & ops.SortOptions) => ops.sort(x, axis, options)[returns],
    wrong: [noAxis({ axis: 2 }), { ...wrongTypes('bool'), attrs: { axis: 0 } }],
  },
  topk: {
    call: ([x], { axis, k, returns, ...options }: Returns & { k: number; largest?: boolean }) =>
      ops.topk(x, k, axis, options)[returns],
    wrong: [
      noAxis({ k: 1, axis: 2 }),
      { inputs: shaped([2, 3]), attrs: { k: 4, axis: 1 } },
      { inputs: shaped([2, 3]), attrs: { k: -1, axis: 1 }, says: ['-1'] },
    ],
  },
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
