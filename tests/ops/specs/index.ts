// Every public op by family.

import type { OpSpec } from '../../harness/test-op.ts';
import { activations } from './activations.ts';
import { attention } from './attention.ts';
import { creation } from './creation.ts';
import { elementwise } from './elementwise.ts';
import { images } from './images.ts';
import { losses } from './losses.ts';
import { indexing } from './indexing.ts';
import { movement } from './movement.ts';
import { matrices } from './products.ts';
import { norms } from './norms.ts';
import { ordering } from './ordering.ts';
import { quantized } from './quantized.ts';
import { recurrent } from './recurrent.ts';
import { reductions } from './reductions.ts';
import { summaries } from './summaries.ts';

export const opSpecs: Readonly<Record<string, OpSpec>> = {
  ...creation,
  ...elementwise,
  ...activations,
  ...reductions,
  ...summaries,
  ...ordering,
  ...losses,
  ...matrices,
  ...images,
  ...movement,
  ...indexing,
  ...quantized,
  ...attention,
  ...norms,
  ...recurrent,
};
