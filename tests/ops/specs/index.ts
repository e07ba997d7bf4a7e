// Every public op by family.

import type { OpSpec } from '../../harness/test-op.ts';
import { attention } from './attention.ts';
import { conv } from './conv.ts';
import { creation } from './creation.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { losses } from './losses.ts';
import { matmul } from './matmul.ts';
import { movement } from './movement.ts';
import { norms } from './norms.ts';
import { random } from './random.ts';
import { recurrent } from './recurrent.ts';
import { reductions } from './reductions.ts';

export const opSpecs: Readonly<Record<string, OpSpec>> = {
  ...elementwise,
  ...creation,
  ...movement,
  ...reductions,
  ...indexing,
  ...matmul,
  ...conv,
  ...norms,
  ...attention,
  ...recurrent,
  ...losses,
  ...random,
};
