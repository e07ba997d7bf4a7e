// Matrix products.

import { testOps } from '../harness/test-op.ts';
import { matrices } from './specs/products.ts';

testOps(matrices);
