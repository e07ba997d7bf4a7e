// WebGPU's types where the project that compiles this has them: the library's own declarations must hold without @webgpu/types.

/** WebGPU's interface of this name, or just an object in a project that declares no WebGPU. */
type Declared<Name extends string> = typeof globalThis extends { readonly [K in Name]: { prototype: infer T } }
  ? T
  : object;

/** `GPU`, as the project declares it. */
export type Gpu = Declared<'GPU'>;

/** `GPUAdapter`, as the project declares it. */
export type GpuAdapter = Declared<'GPUAdapter'>;

/** `GPUDevice`, as the project declares it. */
export type GpuDevice = Declared<'GPUDevice'>;
