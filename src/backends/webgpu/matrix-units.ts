// Which matrix units a device offers to kernels: an experimental feature whose names may still change.

import type { SubgroupMatrix } from '../../core/kernel.ts';

/** WebGPU's name of the feature, which @webgpu/types lacks so far. */
export const MATRIX_UNITS = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

/** What the adapter reports beyond @webgpu/types. */
interface MatrixInfo {
  readonly subgroupMatrixConfigs?: Iterable<Omit<SubgroupMatrix, 'component' | 'result'> & ComponentTypes>;
}
interface ComponentTypes {
  readonly componentType: string;
  readonly resultComponentType: string;
}

/** The syntax that kernels use: matrices of one type in an array of another, and their layout in angle brackets. */
const words = `
enable chromium_experimental_subgroup_matrix;
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
var<workgroup> tile: array<vec4<u32>, 16>;
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) part: u32) {
  tile[thread & 15u] = vec4<u32>();
  workgroupBarrier();
  let left = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile, 0u, 2u);
  let right = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, col_major>(&tile, 0u, 2u);
  var total: subgroup_matrix_result<f32, 8, 8>;
  if (part < 1u) {
    total = subgroupMatrixMultiplyAccumulate(left, right, total);
    subgroupMatrixStore<row_major>(&tile, 0u, total, 2u);
  }
  y[thread] = tile[thread & 15u].x;
}`;

/** Whether the compiler of a device with the feature accepts this syntax. */
export async function understandsMatrices(gpu: GPUDevice): Promise<boolean> {
  gpu.pushErrorScope('validation');
  gpu.createShaderModule({ label: 'matrix units', code: words });
  return (await gpu.popErrorScope()) === null;
}

/** The matrix units of `gpu` that kernels may rely on; none if its compiler rejects the kernels' syntax. */
export async function matrixUnitsOf(adapter: GPUAdapter, gpu: GPUDevice): Promise<readonly SubgroupMatrix[]> {
  const { subgroupMatrixConfigs = [] } = adapter.info as MatrixInfo;
  const units = [...subgroupMatrixConfigs].map(({ componentType, resultComponentType, M, N, K }) => {
    return { component: componentType, result: resultComponentType, M, N, K };
  });
  const usable = units.length > 0 && gpu.features.has(MATRIX_UNITS) && (await understandsMatrices(gpu));
  return usable ? units : [];
}
