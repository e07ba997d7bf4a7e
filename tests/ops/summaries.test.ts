// Products, statistics, positions, running sums.

import { testOps } from '../harness/test-op.ts';
import { summaries } from './specs/summaries.ts';

testOps(summaries);
