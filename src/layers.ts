// Who may import whom: the table read by the linter, its test and the map (README.md).

/** A folder (or an entry file) and what its files may import. */
export interface Layer {
  /** Path from the repository root; the longest one that is a prefix of a file's path is the file's layer. */
  readonly path: string;
  /** What it holds, as shown in the map. */
  readonly holds: string;
  /** Other layers that it may import. Its own files are always allowed, across folders. */
  readonly imports: readonly string[];
  /** npm packages that any of its files may import. */
  readonly packages?: readonly string[];
  /** npm packages for its files that end in `-node.ts` only, which may import Node's modules too. */
  readonly nodePackages?: readonly string[];
  /** True where every file may import Node's modules. */
  readonly node?: true;
}

const backends: readonly string[] = ['src/backends', 'src/backends/cpu', 'src/backends/webgpu'];
/** What computes and trains. */
export const engine: readonly string[] = [
  'src/core', 'src/ops', 'src/autograd', ...backends, 'src/runtime', 'src/nn', 'src/optim',
]; // prettier-ignore

/** What brings values in and out. */
const files: readonly string[] = ['src/weights', 'src/data', 'src/text'];

/** What `src/index.ts` exports. */
export const library: readonly string[] = [
  ...engine, 'src/backends/open-device.ts', ...files, 'src/metrics', 'src/generate', 'src/onnx', 'src/verify', 'src/bench', 'src/tune', 'src/train',
]; // prettier-ignore

/** All layers, from the bottom up. */
export const layers: readonly Layer[] = [
  {
    path: 'shaders',
    holds: 'kernels: WGSL with its bindings and grid, one folder per family',
    imports: ['src/core'],
    packages: ['wgsl-preprocessor'],
  },
  { path: 'src/core', holds: 'Tensor, Parameter, Op, Kernel (as data), shapes, dtypes, random numbers', imports: [] },
  { path: 'src/ops', holds: 'one record per op, and its public function', imports: ['src/core', 'shaders'] },
  { path: 'src/autograd', holds: '`grad()`', imports: ['src/core', 'src/ops'] },
  { path: 'src/backends', holds: 'the `Device` interface', imports: ['src/core'] },
  { path: 'src/backends/cpu', holds: 'the CPU device', imports: ['src/core', 'src/backends'] },
  {
    path: 'src/backends/webgpu',
    holds: 'the GPU device: the only place that names GPU types',
    imports: ['src/core', 'src/backends'],
    nodePackages: ['webgpu'],
  },
  { path: 'src/backends/open-device.ts', holds: 'chooses which device to open', imports: backends },
  {
    path: 'src/runtime',
    holds: '`compile()`, its passes, `Program`',
    imports: ['src/core', 'src/ops', 'src/backends'],
  },
  { path: 'src/nn', holds: 'modules', imports: ['src/core', 'src/ops'] },
  { path: 'src/optim', holds: 'optimizers and schedules', imports: ['src/core', 'src/ops'] },
  {
    path: 'src/weights',
    holds: 'sources of weights (safetensors, PyTorch, npz), loading, the hub and its cache; files',
    imports: ['src/core', 'src/nn'],
    packages: ['@noble/hashes'],
  },
  {
    path: 'src/data',
    holds: 'datasets and batches',
    imports: ['src/core', 'src/weights'],
    nodePackages: ['fast-png', 'jpeg-js'],
  },
  {
    path: 'src/text',
    holds: 'tokenizers, text files, splits, windows of text; count-based baselines',
    imports: ['src/core'],
    packages: ['@huggingface/tokenizers'],
  },
  {
    path: 'src/generate',
    holds: 'prefill, cached decoding, sampling, stop rules',
    imports: ['src/core', 'src/ops', 'src/nn', 'src/runtime', 'src/backends', 'src/text'],
  },
  {
    path: 'src/onnx',
    holds: 'export to ONNX',
    imports: ['src/core', 'src/ops', 'src/runtime'],
    packages: ['onnx-proto'],
  },
  {
    path: 'src/metrics',
    holds: 'metrics of predictions, answers and generated data; a baseline for generators',
    imports: ['src/core', 'src/ops', 'src/runtime', 'src/backends', 'src/generate'],
    packages: ['ml-matrix'],
  },
  {
    path: 'src/verify',
    holds: 'the tolerance of every op; cases that check a device against the CPU reference',
    imports: engine,
  },
  {
    path: 'src/bench',
    holds: 'what is timed and how, and the two ceilings of a device',
    imports: ['shaders', ...engine],
  },
  {
    path: 'src/tune',
    holds: 'the autotuner: the fastest correct kernel variant on a device',
    imports: [...engine, 'src/verify', 'src/bench'],
  },
  { path: 'src/train', holds: 'runs, checkpoints, settings', imports: [...engine, ...files] },
  { path: 'src/index.ts', holds: 'the public API, for browsers', imports: library },
  { path: 'src/kernels.ts', holds: 'the API for ops of your own', imports: ['shaders', ...library] },
  {
    path: 'src/node.ts',
    holds: 'the public API, for Node: with Dawn and files',
    imports: ['src/index.ts', ...library],
    node: true,
  },
  { path: 'src/layers.ts', holds: 'this table', imports: [] },
  { path: 'models', holds: 'one folder per model: model, data, training, card, weights', imports: ['src/index.ts'] },
  {
    path: 'src/cli',
    holds: 'the `five-tigers` command',
    imports: ['src/node.ts', 'models'],
    packages: ['commander', 'cli-progress', 'fast-png'],
    node: true,
  },
  { path: 'demos', holds: 'the pages', imports: ['src/index.ts', 'models'], packages: ['gl-matrix', 'uplot'] },
];

/** The layer of a file, or undefined for files outside the table (tests, configuration). */
export function layerOf(file: string): Layer | undefined {
  const around = layers.filter(({ path }) => file === path || file.startsWith(`${path}/`));
  return around.sort((a, b) => b.path.length - a.path.length)[0];
}
