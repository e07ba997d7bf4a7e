// All checks and cases, by family. tests/verify/cases.test.ts fails for an op or kernel variant without a case.

import type { CheckTable } from '../allowed.ts';
import type { CaseTable } from '../case.ts';
import { attentionChecks } from './attention.ts';
import { convChecks } from './conv.ts';
import { creationChecks } from './creation.ts';
import { elementwiseChecks } from './elementwise.ts';
import { indexingChecks } from './indexing.ts';
import { lossesChecks } from './losses.ts';
import { matmulChecks } from './matmul.ts';
import { movementChecks } from './movement.ts';
import { normsChecks } from './norms.ts';
import { randomChecks } from './random.ts';
import { recurrentChecks } from './recurrent.ts';
import { reductionsChecks } from './reductions.ts';

/** The checks of each op. */
export const checks: CheckTable = {
  ...creationChecks,
  ...elementwiseChecks,
  ...movementChecks,
  ...reductionsChecks,
  ...indexingChecks,
  ...matmulChecks,
  ...convChecks,
  ...normsChecks,
  ...attentionChecks,
  ...recurrentChecks,
  ...lossesChecks,
  ...randomChecks,
};

/** The cases of each op that has any. */
export const verifyCases: CaseTable = Object.fromEntries(
  Object.entries(checks).flatMap(([op, { cases }]) => (cases.length > 0 ? [[op, cases]] : [])),
);
