// Convolution, pooling and resizing.

import { testOps } from '../harness/test-op.ts';
import { conv } from './specs/conv.ts';

testOps(conv);
