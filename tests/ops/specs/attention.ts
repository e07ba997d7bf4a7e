// Specs of attention and rotary positions: calls and rejected inputs.

import * as ops from '../../../src/ops/index.ts';
import { spec, type Tensor } from '../../../src/core/tensor.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { shaped } from './wrong.ts';

interface AttentionCase extends Omit<ops.AttentionOptions, 'mask' | 'bias' | 'length'> {
  /** The inputs after q, k and v. */
  readonly roles?: readonly string[];
}

export const callAttention = (
  [q, k, v, ...others]: readonly Tensor[],
  { roles = [], ...rest }: AttentionCase,
): Tensor =>
  ops.scaledDotProductAttention(q, k, v, { ...rest, ...Object.fromEntries(roles.map((role, i) => [role, others[i]])) });

const same = [2, 3, 4];

const position = spec([], 'i32');

export const attention: Record<string, OpSpec> = {
  scaledDotProductAttention: {
    call: callAttention,
    noSecondDerivative: 'the flash records have none: attention.test.ts tests those of the composition',
    wrong: [
      { inputs: shaped([2, 3, 4], [2, 3, 5], [2, 3, 5]) },
      { inputs: shaped([2, 3, 4], [2, 3, 4], [2, 5, 4]) },
      { inputs: shaped([4], [4], [4]) },
      { inputs: shaped([1, 4, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]), says: ['4 and 2 heads', 'enableGqa'] },
      { inputs: shaped([1, 4, 3, 4], [1, 3, 3, 4], [1, 3, 3, 4]), attrs: { enableGqa: true }, says: ['4 and 3 heads'] },
      { inputs: shaped(same, same, same, [2, 3, 4]), attrs: { roles: ['mask'] }, says: ['[2, 3, 4]', '[2, 3, 3]'] },
      { inputs: [...shaped(same, same, same), spec([3], 'i32')], attrs: { roles: ['mask'] }, says: ['bool', 'i32'] },
      { inputs: [...shaped(same, same, same), spec([3], 'i32')], attrs: { roles: ['length'] }, says: ['[3]'] },
      { inputs: shaped(same, same, same), attrs: { dropoutP: 1 }, says: ['dropoutP', '1'] },
      { inputs: [spec(same), spec(same, 'f16'), spec(same)], says: ['f32, f16 and f32'] },
      { inputs: [spec(same, 'i32'), spec(same), spec(same)], says: ['i32'] },
    ],
  },
  rotary: {
    call: ([x, at], { own, ...options }: ops.RotaryOptions & { own?: boolean }) =>
      ops.rotary(x, { ...options, ...(own ? { positions: at } : { offset: at }) }),
    wrong: [
      { inputs: [spec([2, 3]), position], says: ['[2, 3]', 'even'] },
      { inputs: [spec([4]), position], says: ['[4]'] },
      { inputs: [spec([2, 4]), position], attrs: { size: 6 }, says: ['6', '[2, 4]'] },
      { inputs: [spec([2, 4]), spec([3], 'i32')], attrs: { own: true }, says: ['[2, 4]', '[3]'] },
      { inputs: [spec([2, 4]), spec([2], 'i32')], says: ['offset', '[2]'] },
      { inputs: [spec([2, 4]), spec([])], says: ['offset', 'f32'] },
      { inputs: [spec([2, 4], 'i32'), position], says: ['i32'] },
    ],
  },
};
