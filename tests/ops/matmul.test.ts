// Matrix products, also with weights of 4 and 8 bits.

import { testOps } from '../harness/test-op.ts';
import { matmul } from './specs/matmul.ts';

testOps(matmul);
