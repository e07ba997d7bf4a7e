// Reductions, softmax and cross-entropy.

import { testOps } from '../harness/test-op.ts';
import { reductions } from './specs/reductions.ts';

testOps(reductions);
