// Layer, RMS, group, instance, batch and local response norm, modulated convolution.

import { testOps } from '../harness/test-op.ts';
import { norms } from './specs/norms.ts';

testOps(norms);
