// Pooling layers. They have no parameters, but let a model be written as a list of layers.

import {
  adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool1d, avgPool2d, maxPool1d, maxPool2d,
} from '../../ops/conv/pooling.ts'; // prettier-ignore
import { moduleOf } from '../function-module.ts';

/** The largest value of each window, as torch.nn.MaxPool2d: [N, C, H, W] → [N, C, H', W']. */
export class MaxPool2d extends moduleOf(maxPool2d) {}
/** The mean of each window, as torch.nn.AvgPool2d: [N, C, H, W] → [N, C, H', W']. */
export class AvgPool2d extends moduleOf(avgPool2d) {}
/** The largest value of each window, as torch.nn.MaxPool1d: [N, C, L] → [N, C, L']. */
export class MaxPool1d extends moduleOf(maxPool1d) {}
/** The mean of each window, as torch.nn.AvgPool1d: [N, C, L] → [N, C, L']. */
export class AvgPool1d extends moduleOf(avgPool1d) {}
/** Means over a given number of windows, as torch.nn.AdaptiveAvgPool2d: [N, C, H, W] → [N, C, outputSize]. */
export class AdaptiveAvgPool2d extends moduleOf(adaptiveAvgPool2d) {}
/** Largest values of a given number of windows, as torch.nn.AdaptiveMaxPool2d: [N, C, H, W] → [N, C, outputSize]. */
export class AdaptiveMaxPool2d extends moduleOf(adaptiveMaxPool2d) {}
