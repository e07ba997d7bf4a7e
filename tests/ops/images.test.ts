// Convolution and pooling.

import { testOps } from '../harness/test-op.ts';
import { images } from './specs/images.ts';

testOps(images);
