// How activation functions are called, and what they refuse.

import type { Tensor } from '../../../src/core/tensor.ts';
import * as ops from '../../../src/ops/index.ts';
import type { OpSpec } from '../../harness/test-op.ts';
import { shaped, wrongTypes } from './wrong.ts';

/** `call` gets a case's attributes as they are in the fixture. */
const activation = <A>(call: (x: Tensor, attrs: A) => Tensor): OpSpec => ({
  call: ([x], attrs: A) => call(x, attrs),
  // Some are made of others, which are then named.
  wrong: [wrongTypes('i32'), wrongTypes('bool')],
});

export const activations: Record<string, OpSpec> = {
  leakyRelu: activation<{ negativeSlope?: number }>((x, { negativeSlope }) => ops.leakyRelu(x, negativeSlope)),
  elu: activation<{ alpha?: number }>((x, { alpha }) => ops.elu(x, alpha)),
  selu: activation(ops.selu),
  silu: activation(ops.silu),
  gelu: activation<{ approximate?: 'none' | 'tanh' }>(ops.gelu),
  softplus: activation<{ beta?: number; threshold?: number }>(ops.softplus),
  logsigmoid: activation(ops.logsigmoid),
  hardtanh: activation<{ min?: number; max?: number }>(ops.hardtanh),
  relu6: activation(ops.relu6),
  hardsigmoid: activation(ops.hardsigmoid),
  hardswish: activation(ops.hardswish),
  mish: activation(ops.mish),
  softsign: activation(ops.softsign),
  clamp: {
    call: ([x], bounds: { min?: number; max?: number }) => ops.clamp(x, bounds),
    wrong: [
      { ...wrongTypes('bool'), attrs: { min: 0 } },
      { inputs: shaped([2]), says: ['min or max'] },
    ],
  },
  prelu: {
    call: ([x, weight]) => ops.prelu(x, weight),
    wrong: [{ inputs: shaped([2, 3], [2]) }, { inputs: shaped([3], [3]) }, { inputs: shaped([2, 3], [3, 1]) }],
  },
  glu: {
    call: ([x], { axis }: { axis: number }) => ops.glu(x, axis),
    wrong: [{ inputs: shaped([2, 3]), attrs: { axis: 1 } }, { inputs: shaped([2]), attrs: { axis: 1 }, says: ['axis 1', '1 axes'] }], // prettier-ignore
  },
};
