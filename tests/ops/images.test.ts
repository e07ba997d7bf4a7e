// Convolution and pooling.

import { testOps } from '../harness/test-op.ts';
import { images } from './specs/products.ts';

testOps(images);
