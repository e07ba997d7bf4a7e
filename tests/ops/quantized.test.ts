// Weights of 4 and 8 bits, in tables and in products.

import { testOps } from '../harness/test-op.ts';
import { quantized } from './specs/quantized.ts';

testOps(quantized);
