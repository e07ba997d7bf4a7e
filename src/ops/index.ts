// Every public op.

export { elu, gelu, glu, hardsigmoid, hardswish, hardtanh, leakyRelu, logsigmoid, mish } from './activations.ts';
export { prelu, relu6, selu, silu, softplus, softsign } from './activations.ts';
export { argmax, argmin } from './arg-extreme.ts';
export { add, div, maximum, minimum, mul, pow, remainder, sub } from './binary.ts';
export { type AttentionOptions, scaledDotProductAttention } from './attention.ts';
export { cast } from './cast.ts';
export { clamp } from './clamp.ts';
export { eq, ge, gt, le, lt, ne } from './compare.ts';
export { concat } from './concat.ts';
export { conv2d } from './conv2d.ts';
export { conv1d, convTranspose1d, convTranspose2d } from './convolutions.ts';
export { type ClassLossOptions, crossEntropy, type CrossEntropyOptions, nllLoss } from './cross-entropy.ts';
export { detach } from './detach.ts';
export { einsum } from './einsum.ts';
export { expand } from './expand.ts';
export { chunk, movedim, repeatInterleave, roll, split, squeeze, stack, tile, unsqueeze } from './arrange.ts';
export { embedding, type EmbeddingOptions, indexAdd, indexSelect, oneHot } from './embedding.ts';
export { flip } from './flip.ts';
export { arange, eye, linspace, maskedFill, type RangeOptions, tril, triu } from './ranges.ts';
export { dequantize, type Quantization, quantizedEmbedding } from './quantized.ts';
export { quantizedMatmul } from './quantized-matmul.ts';
export { gather, scatterAdd } from './gather.ts';
export { interpolate } from './interpolate.ts';
export { bceLoss, type BceOptions, bceWithLogits, cosineEmbeddingLoss, cosineSimilarity } from './losses.ts';
export { hingeEmbeddingLoss, hingeLoss, huberLoss, klDiv, l1Loss, type LossOptions } from './losses.ts';
export { marginRankingLoss, mseLoss, type Reduction, smoothL1Loss, tripletMarginLoss } from './losses.ts';
export { bmm, dot, linear, mv, outer } from './linear.ts';
export { matmul } from './matmul.ts';
export { modulatedConv2d } from './modulated-conv2d.ts';
export {
  batchNorm,
  groupNorm,
  instanceNorm,
  layerNorm,
  localResponseNorm,
  normalize,
  type NormOptions,
  pixelNorm,
  rmsNorm,
} from './norms.ts';
export { sort, topk, type Ordered } from './ordered.ts';
export { pad } from './pad.ts';
export { permute, transpose } from './permute.ts';
export { channelShuffle, pixelShuffle, pixelUnshuffle } from './pixel-shuffle.ts';
export {
  adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool1d, avgPool2d, maxPool1d, maxPool2d,
} from './pooling.ts'; // prettier-ignore
export { bernoulli, categorical, dropout, multinomial, normal, permutation, randint, uniform } from './random.ts';
export { gruCell, lstmCell, type LstmState, type RecurrentWeights, rnnCell } from './recurrent-cells.ts';
export { gru, lstm, type RecurrentOptions, type RecurrentOutput, rnn } from './recurrent-layers.ts';
export { max, mean, min, prod, sum } from './reduce.ts';
export { flatten, reshape } from './reshape.ts';
export { keepMinP, keepTopK, keepTopP, sampleLogits, type SamplingOptions } from './sampling.ts';
export { cumprod, cumsum, type ScanOptions } from './scan.ts';
export { rotary, type RotaryOptions } from './rotary.ts';
export { slice } from './slice.ts';
export { logSoftmax, logsumexp, softmax } from './softmax.ts';
export { abs, ceil, cos, erf, exp, expm1, floor, log, log1p, neg, reciprocal, relu, round, rsqrt } from './unary.ts';
export { sigmoid, sign, sin, sqrt, square, tanh, trunc } from './unary.ts';
export { argsort, type SortOptions } from './sort.ts';
export { all, any, countNonzero, norm, std, variance, type VarianceOptions } from './statistics.ts';
export { dynamicSlice, updateSlice } from './update-slice.ts';
export { where } from './where.ts';
