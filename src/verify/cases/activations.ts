// Activations: both sides of each bend, and far enough out that they are flat.

import * as ops from '../../ops/index.ts';
import { floats, type CaseTable } from '../case.ts';
import { unary } from './elementwise.ts';

export const activations: CaseTable = {
  clamp: unary((x) => ops.clamp(x, { min: -1, max: 1.5 }), -3, 3),
  elu: unary(ops.elu, -6, 3),
  gelu: [
    ...unary(ops.gelu, -5, 5),
    { name: 'tanh', inputs: [floats([3, 43], -5, 5)], call: ([x]) => ops.gelu(x, { approximate: 'tanh' }) },
  ],
  glu: [
    { name: 'last', inputs: [floats([5, 66], -5, 5)], call: ([x]) => ops.glu(x) },
    { name: 'first', inputs: [floats([6, 33], -5, 5)], call: ([x]) => ops.glu(x, 0) },
  ],
  hardsigmoid: unary(ops.hardsigmoid, -5, 5),
  hardswish: unary(ops.hardswish, -5, 5),
  hardtanh: unary(ops.hardtanh, -3, 3),
  leakyRelu: unary(ops.leakyRelu, -3, 3),
  logsigmoid: unary(ops.logsigmoid, -20, 20),
  mish: unary(ops.mish, -9, 9),
  prelu: [
    { name: 'one', inputs: [floats([7, 3]), floats([1])], call: ([x, weight]) => ops.prelu(x, weight) },
    { name: 'channels', inputs: [floats([2, 33, 5]), floats([33])], call: ([x, weight]) => ops.prelu(x, weight) },
  ],
  relu6: unary(ops.relu6, -3, 9),
  selu: unary(ops.selu, -6, 3),
  silu: unary(ops.silu, -9, 9),
  softplus: unary(ops.softplus, -9, 9),
  softsign: unary(ops.softsign, -5, 5),
};
