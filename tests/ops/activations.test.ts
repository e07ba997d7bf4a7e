// Activation functions.

import { testOps } from '../harness/test-op.ts';
import { activations } from './specs/activations.ts';

testOps(activations);
