// The base of convolution layers: a weight and a bias with torch's initial distribution.

import type { Parameter } from '../../core/parameter.ts';
import { defaultBound, uniformParameter } from '../init.ts';
import { Module } from '../module.ts';

/** A layer with a weight, whose shape depends on its kind, and a bias [out]. */
export abstract class ConvLayer<Options extends { readonly bias?: boolean }> extends Module {
  readonly weight: Parameter;
  /** [out] */
  readonly bias: Parameter | null;
  protected readonly options: Options;

  constructor(weightShape: readonly number[], outChannels: number, options: Options) {
    super();
    const bound = defaultBound(weightShape); // by the axes after the first, in transposed convolutions too
    this.weight = uniformParameter(weightShape, bound);
    this.bias = options.bias === false ? null : uniformParameter([outChannels], bound);
    this.options = options;
  }
}
