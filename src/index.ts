// The library's only public surface, safe in browsers, Node and Deno.

export { type DType, type TensorData, type TypedArray } from './core/dtype.ts';
export { RandomSource } from './core/random.ts';
export { type Shape } from './core/shape.ts';
export {
  Buffer, type BufferOptions, type InitialValues, Parameter, type ParameterOptions,
} from './core/parameter.ts'; // prettier-ignore
export { Input, Scalar, spec, Tensor, type TensorSpec } from './core/tensor.ts';
export { assign, isTraining, RandomState, withTraining } from './core/trace.ts';
export * from './ops/index.ts';
export { grad } from './autograd/grad.ts';
export { type Device, type DeviceInfo, DeviceLostError, type Progress } from './backends/device.ts';
export { CpuDevice } from './backends/cpu/cpu-device.ts';
export { WebGpuDevice } from './backends/webgpu/webgpu-device.ts';
export { type DeviceKind, openDevice } from './backends/open-device.ts';
export { compile, type CompileOptions } from './runtime/compile.ts';
export {
  chromeTrace, mergeProfiles, profile, type OnProgram, type Profile, type ProfileOptions, type ProfileRow,
} from './runtime/profile.ts'; // prettier-ignore
export { type Program } from './runtime/program.ts';
export { type AttentionMasks, MultiheadAttention, type MultiheadAttentionOptions } from './nn/attention/attention.ts';
export {
  ELU, Flatten, GELU, GLU, Hardsigmoid, Hardswish, Hardtanh, Identity, LeakyReLU, LogSigmoid, LogSoftmax, Mish, PReLU,
  ReLU, ReLU6, SELU, Sigmoid, SiLU, Softmax, Softplus, Softsign, Tanh,
} from './nn/elementwise/activations.ts'; // prettier-ignore
export { BatchNorm1d, BatchNorm2d } from './nn/norms/batch-norm.ts';
export { Conv1d } from './nn/conv/conv1d.ts';
export { type ConvLayerOptions, type PaddingMode } from './nn/conv/conv-padding.ts';
export { Conv2d } from './nn/conv/conv2d.ts';
export { ConvTranspose1d, ConvTranspose2d } from './nn/conv/conv-transpose.ts';
export {
  AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d,
} from './nn/conv/pooling.ts'; // prettier-ignore
export {
  ChannelShuffle, CircularPad2d, ConstantPad2d, PixelShuffle, PixelUnshuffle, ReflectionPad2d, ReplicationPad2d, Upsample, ZeroPad2d,
} from './nn/conv/resizing.ts'; // prettier-ignore
export { Dropout } from './nn/random/dropout.ts';
export { KVCache, type KVCacheOptions } from './nn/attention/kv-cache.ts';
export { type QuantizationOptions, QuantizedEmbedding, QuantizedLinear } from './nn/matmul/quantized.ts';
export { quantize } from './ops/matmul/quantized.ts';
export { Embedding } from './nn/indexing/embedding.ts';
export {
  alibiBias, alibiSlopes, type BucketOptions, relativePositionBuckets, sinusoidalPositions,
} from './nn/attention/positions.ts'; // prettier-ignore
export {
  filledBuffer, filledParameter, filledValues, manualSeed, normalParameter, normalValues, uniformParameter, uniformValues,
} from './nn/init.ts'; // prettier-ignore
export { Linear } from './nn/matmul/linear.ts';
export { type Layer, Module } from './nn/module.ts';
export { matchState, type StateMatch } from './nn/state-dict.ts';
export { type Misfit, WeightsError, type WeightsMismatch } from './nn/weights-error.ts';
export { GRUCell, LSTMCell, type RecurrentCellOptions, RNNCell } from './nn/recurrent/recurrent-cells.ts';
export { GRU, LSTM, type RecurrentLayerOptions, RNN } from './nn/recurrent/recurrent.ts';
export { GroupNorm, InstanceNorm2d, LayerNorm, LocalResponseNorm, RMSNorm } from './nn/norms/norms.ts';
export { Sequential } from './nn/sequential.ts';
export {
  type DecoderMasks, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './nn/attention/transformer.ts'; // prettier-ignore
export { spectralNorm, type SpectralNormOptions, weightNorm } from './nn/norms/weight-norms.ts';
export { Adam, AdamW, type AdamOptions } from './optim/adam.ts';
export { type Batch, type BatchSource } from './train/batches.ts';
export { type Checkpoint, decodeCheckpoint, isCheckpoint } from './train/checkpoint.ts';
export { type Best, type EvaluateOptions, type EvaluationResult, type Metrics } from './train/evaluation.ts';
export { CollapsedError, DivergedError, type Watch } from './train/failures.ts';
export { type PhaseOptions, type PhaseResult, type Task } from './train/phase.ts';
export { type SingleStepResult, type StepResult } from './train/result.ts';
export { type Stateful } from './train/run-state.ts';
export { makeOptimizer, makeSchedule } from './train/recipe.ts';
export {
  type OptimizerChoice, type OptimizerName, type OptimizerRecipe, optimizers, type Recipe, type ScheduleName, type ScheduleRecipe,
  schedules, type SettingConflict, settingConflicts, type Settings, stepsOf, withChoices,
} from './train/settings.ts'; // prettier-ignore
export { type PhasedTrainerOptions, type RunOptions, type TrainerOptions } from './train/options.ts';
export { Trainer } from './train/trainer.ts';
export { diversity, watchOutput, type WatchOutputOptions } from './train/watch.ts';
export { clipGradNorm, clipGradValue } from './optim/clip.ts';
export { Lion, type LionOptions } from './optim/lion.ts';
export { Optimizer, type ParameterGroup, type Parameters } from './optim/optimizer.ts';
export { Adagrad, type AdagradOptions, RMSprop, type RMSpropOptions } from './optim/rmsprop.ts';
export { WeightAverage } from './optim/weight-average.ts';
export { SGD, type SGDOptions } from './optim/sgd.ts';
export { readSafetensors, type Safetensors } from './weights/safetensors.ts';
export { writeSafetensors } from './weights/safetensors-writer.ts';
export { type Savable, type SaveOptions, saveWeights } from './weights/save.ts';
export { type DataFiles } from './data/data-files.ts';
export { type FillOptions, type FillReport, type LoadProgress, transposeWeights } from './weights/load.ts';
export { type LoadOptions, type LoadReport, loadWeights, openWeights, readBytes } from './weights/load-weights.ts';
export { type OpenOptions, type WeightInput } from './weights/open-weights.ts';
export { type FileCache, type FileFacts, type KeptFile, type PartialFile } from './weights/file-cache.ts';
export { readTensors, type WeightEntry, type WeightSource } from './weights/weight-source.ts';
export { halfWeights } from './weights/half.ts';
export {
  evaluationBatches, imageBatches, type ImageBatch, type ImageBatches, type ImageBatchOptions,
} from './data/image-batches.ts'; // prettier-ignore
export { type ImageDataset } from './data/image-dataset.ts';
export { identifyMnistFiles, loadMnist, missingMnistFiles, parseMnist } from './data/mnist.ts';
export { type Box, resizeGrey } from './data/resize.ts';
export { type RgbaImage, type RgbaPixels } from './data/rgba-image.ts';
export { frechetDistance, Moments } from './metrics/frechet.ts';
export { GaussianClasses, type LabelledVectors } from './metrics/gaussian-classes.ts';
export { type Augmentation } from './data/warp.ts';
export { type Direction } from './verify/trace-case.ts';
export { type CaseTable, type VerifyCase } from './verify/case.ts';
export { verifyCases } from './verify/cases/index.ts';
export { describeRow, type OpSummary, partOf, summarize, type VerifyReport, verifyReport } from './verify/report.ts';
export { verify, type VerifyOptions, type VerifyProgress, type VerifyRow } from './verify/verify.ts';
export {
  constantSchedule,
  cosineSchedule,
  exponentialSchedule,
  linearSchedule,
  multiStepSchedule,
  oneCycleSchedule,
  type OneCycleOptions,
  polynomialSchedule,
  type Schedule,
  stepSchedule,
  withWarmup,
} from './optim/schedules.ts';
export { diverge, type Divergence, type DivergeOptions, type NodeReport, type Repro } from './verify/diverge.ts';
export { inspectProgram, type ProgramReport, type StepReport } from './runtime/inspect.ts';
export { bench, bestMilliseconds, type BenchOptions, type BenchReport, type BenchRow } from './bench/bench.ts';
export { type BenchCase, benchCases, matchingCases } from './bench/cases.ts';
export { type Ceilings, measureCeilings } from './bench/ceilings.ts';
export { measure, type Measurement, type MeasureOptions, randomParameter, variantNamed } from './bench/measure.ts';
export {
  compareReports, type Comparison, gigaRate, parseBenchReport, shortNumber,
} from './bench/report.ts'; // prettier-ignore
export { benchSources, type KernelSource } from './bench/sources.ts';
export { OpenSizeError } from './onnx/open-sizes.ts';
export { type ExternalData } from './onnx/stored-tensors.ts';
export { exportOnnx, type OnnxModel, type OnnxOptions, type OnnxPortInfo } from './onnx/export.ts';
export { planOnly } from './runtime/plan-only.ts';
export { mergeTuning, parseTuningTable, tuningKey, type TuningTable } from './runtime/tuning.ts';
export { type Candidate, tune, type TuneOptions, type TuneRow } from './tune/tune.ts';
export {
  CharTokenizer,
  type CharTokenizerJson,
  UnknownCharacterError,
  type UnknownCharacters,
} from './text/char-tokenizer.ts';
export { type DecodedText, decodeText, type DecodeTextOptions, type TextEncoding } from './text/decode-text.ts';
export { encodeBatch, type EncodeBatchOptions, type EncodedBatch } from './text/encode-batch.ts';
export { HuggingFaceTokenizer } from './text/hugging-face.ts';
export { KneserNey, type KneserNeyOptions } from './text/baselines/kneser-ney.ts';
export { mostFrequent, NeighbourCounts } from './text/baselines/neighbours.ts';
export { chaptersOf, heldOutChapters, lastTenth, type Split, withoutBlanks } from './text/splits.ts';
export { TextStream } from './text/stream-text.ts';
export { type Framed, type SpecialIds, type Tokenizer } from './text/tokenizer.ts';
export { windowBatches, type WindowBatches, type WindowOptions } from './text/windows.ts';
export { type CausalModel } from './generate/causal-model.ts';
export { Decoder, type DecoderOptions, type DecodingSettings } from './generate/decoder.ts';
export {
  generate, type GenerateOptions, generateSeveral, generateText, type GenerateTextOptions, type StopReason,
} from './generate/generate.ts'; // prettier-ignore
export { type Filling, fillMask, type FillMaskOptions, type MaskedModel, MaskFiller } from './generate/fill-mask.ts';
export { type Answers, measureAccuracy } from './metrics/accuracy.ts';
export { type MeasuringOptions, natsPerToken, type NatsOptions } from './metrics/language.ts';
export { type SamplingSettings } from './generate/sampler.ts';
