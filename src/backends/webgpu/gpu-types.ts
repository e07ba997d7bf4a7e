// WebGPU's types if the compiling project has them: the library's declarations must type-check without @webgpu/types.

/** WebGPU's interface of this name, or `object` in a project that does not declare WebGPU. */
type Declared<Name extends string> = typeof globalThis extends { readonly [K in Name]: { prototype: infer T } }
  ? T
  : object;

/** `GPU`, as the project declares it. */
export type Gpu = Declared<'GPU'>;

/** `GPUAdapter`, as the project declares it. */
export type GpuAdapter = Declared<'GPUAdapter'>;

/** `GPUDevice`, as the project declares it. */
export type GpuDevice = Declared<'GPUDevice'>;
