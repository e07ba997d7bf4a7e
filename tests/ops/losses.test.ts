// Losses.

import { testOps } from '../harness/test-op.ts';
import { losses } from './specs/losses.ts';

testOps(losses);
