// Sorting, and what is taken from the sorted.

import { testOps } from '../harness/test-op.ts';
import { ordering } from './specs/ordering.ts';

testOps(ordering);
