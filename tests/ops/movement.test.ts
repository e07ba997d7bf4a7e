// Ops that only move values.

import { testOps } from '../harness/test-op.ts';
import { movement } from './specs/movement.ts';

testOps(movement);
