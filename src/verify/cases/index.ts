// All cases, by the name of the op that they call. tests/verify/cases.test.ts fails for an op or a kernel variant without one.

import type { CaseTable } from '../case.ts';
import { activations } from './activations.ts';
import { attentionCases } from './attention.ts';
import { elementwise } from './elementwise.ts';
import { images } from './images.ts';
import { indexing } from './indexing.ts';
import { losses } from './losses.ts';
import { matrices } from './matrices.ts';
import { movement } from './movement.ts';
import { norms } from './norms.ts';
import { ordering } from './ordering.ts';
import { quantized } from './quantized.ts';
import { random } from './random.ts';
import { recurrent } from './recurrent.ts';
import { reductions } from './reductions.ts';

export const verifyCases: CaseTable = {
  ...activations,
  ...elementwise,
  ...reductions,
  ...matrices,
  ...losses,
  ...images,
  ...movement,
  ...indexing,
  ...quantized,
  ...ordering,
  ...norms,
  ...random,
  ...recurrent,
  ...attentionCases,
};
