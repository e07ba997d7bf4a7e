// Every public op.

export {
  elu,
  gelu,
  glu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logsigmoid,
  mish,
} from './elementwise/activations.ts';
export { prelu, relu6, selu, silu, softplus, softsign } from './elementwise/activations.ts';
export { argmax, argmin } from './reductions/arg-extreme.ts';
export { add, div, maximum, minimum, mul, sub } from './elementwise/binary.ts';
export { pow } from './elementwise/pow.ts';
export { remainder } from './elementwise/remainder.ts';
export { type AttentionOptions, scaledDotProductAttention } from './attention/attention.ts';
export { cast } from './elementwise/cast.ts';
export { clamp } from './elementwise/clamp.ts';
export { eq, ge, gt, le, lt, ne } from './elementwise/compare.ts';
export { concat } from './movement/concat.ts';
export { conv2d } from './conv/conv2d.ts';
export { conv1d, convTranspose1d, convTranspose2d } from './conv/convolutions.ts';
export { type ClassLossOptions, crossEntropy, type CrossEntropyOptions, nllLoss } from './losses/cross-entropy.ts';
export { detach } from './elementwise/detach.ts';
export { einsum } from './matmul/einsum.ts';
export { expand } from './movement/expand.ts';
export { chunk, movedim, repeatInterleave, roll, split, squeeze, stack, tile, unsqueeze } from './movement/arrange.ts';
export { embedding, type EmbeddingOptions, indexAdd, indexSelect, oneHot } from './indexing/embedding.ts';
export {
  type CreationOptions, full, fullLike, type NestedValues, ones, onesLike, tensor, type TensorOptions, zeros, zerosLike,
} from './elementwise/creation.ts'; // prettier-ignore
export { flip } from './movement/flip.ts';
export { arange, eye, linspace, maskedFill, type RangeOptions, tril, triu } from './elementwise/ranges.ts';
export { dequantize, type Quantization, quantizedEmbedding } from './matmul/quantized.ts';
export { quantizedMatmul } from './matmul/quantized-matmul.ts';
export { gather, scatterAdd } from './indexing/gather.ts';
export { interpolate } from './conv/interpolate.ts';
export { bceLoss, type BceOptions, bceWithLogits, cosineEmbeddingLoss, cosineSimilarity } from './losses/losses.ts';
export { hingeEmbeddingLoss, hingeLoss, huberLoss, klDiv, l1Loss, type LossOptions } from './losses/losses.ts';
export { marginRankingLoss, mseLoss, type Reduction, smoothL1Loss, tripletMarginLoss } from './losses/losses.ts';
export { bmm, dot, linear, mv, outer } from './matmul/linear.ts';
export { matmul } from './matmul/matmul.ts';
export { modulatedConv2d } from './conv/modulated-conv2d.ts';
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
} from './norms/norms.ts';
export { sort, topk, type Ordered } from './indexing/ordered.ts';
export { pad } from './movement/pad.ts';
export { permute, transpose } from './movement/permute.ts';
export { channelShuffle, pixelShuffle, pixelUnshuffle } from './conv/pixel-shuffle.ts';
export {
  adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool1d, avgPool2d, maxPool1d, maxPool2d,
} from './conv/pooling.ts'; // prettier-ignore
export {
  bernoulli,
  categorical,
  dropout,
  multinomial,
  normal,
  permutation,
  randint,
  uniform,
} from './random/random.ts';
export { gruCell, lstmCell, type LstmState, type RecurrentWeights, rnnCell } from './recurrent/recurrent-cells.ts';
export { gru, lstm, type RecurrentOptions, type RecurrentOutput, rnn } from './recurrent/recurrent-layers.ts';
export { max, mean, min, prod, sum } from './reductions/reduce.ts';
export { flatten, reshape } from './movement/reshape.ts';
export { keepMinP, keepTopK, keepTopP, sampleLogits, type SamplingOptions } from './random/sampling.ts';
export { cumprod, cumsum, type ScanOptions } from './reductions/scan.ts';
export { rotary, type RotaryOptions } from './attention/rotary.ts';
export { slice } from './movement/slice.ts';
export { logSoftmax, logsumexp, softmax } from './reductions/softmax.ts';
export {
  abs,
  ceil,
  cos,
  erf,
  exp,
  expm1,
  floor,
  log,
  log1p,
  neg,
  reciprocal,
  relu,
  round,
  rsqrt,
} from './elementwise/unary.ts';
export { sigmoid, sign, sin, sqrt, square, tanh, trunc } from './elementwise/unary.ts';
export { argsort, type SortOptions } from './indexing/sort.ts';
export { all, any, countNonzero, norm, std, variance, type VarianceOptions } from './reductions/statistics.ts';
export { dynamicSlice, updateSlice } from './indexing/update-slice.ts';
export { where } from './elementwise/where.ts';
