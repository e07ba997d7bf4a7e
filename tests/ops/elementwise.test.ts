// Elementwise ops.

import { testOps } from '../harness/test-op.ts';
import { elementwise } from './specs/elementwise.ts';

testOps(elementwise);
