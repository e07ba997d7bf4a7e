// What all convolution layers share: a weight and a bias, spread as torch's are at first.

import type { Parameter } from '../../core/parameter.ts';
import { defaultBound, uniformParameter } from '../init.ts';
import { Module } from '../module.ts';

/** A layer of a weight, whose shape its kind decides, and a bias [out]. */
export abstract class ConvLayer<Options extends { readonly bias?: boolean }> extends Module {
  readonly weight: Parameter;
  /** [out] */
  readonly bias: Parameter | null;
  protected readonly options: Options;

  constructor(weightShape: readonly number[], outChannels: number, options: Options) {
    super();
    const bound = defaultBound(weightShape); // of the axes behind the first, whichever channels that is
    this.weight = uniformParameter(weightShape, bound);
    this.bias = options.bias === false ? null : uniformParameter([outChannels], bound);
    this.options = options;
  }
}
