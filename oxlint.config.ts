// What the linter checks. Who may import whom is the table in src/layers.ts.

import { defineConfig } from 'oxlint';

const gpuTypes = [
  'GPU', 'GPUAdapter', 'GPUAdapterInfo', 'GPUBindGroup', 'GPUBindGroupDescriptor', 'GPUBindGroupEntry',
  'GPUBindGroupLayout', 'GPUBindGroupLayoutEntry', 'GPUBuffer', 'GPUBufferDescriptor', 'GPUCommandBuffer',
  'GPUCommandEncoder', 'GPUComputePassEncoder', 'GPUComputePassDescriptor', 'GPUComputePipeline', 'GPUDevice',
  'GPUDeviceDescriptor', 'GPUDeviceLostInfo', 'GPUError', 'GPUFeatureName', 'GPUPipelineLayout', 'GPUQuerySet', 'GPUQueue',
  'GPUShaderModule', 'GPUSupportedFeatures', 'GPUSupportedLimits', 'GPUTexture', 'GPURequestAdapterOptions',
]; // prettier-ignore
const gpuConstants = ['GPUBufferUsage', 'GPUMapMode', 'GPUShaderStage'];

export default defineConfig({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import'],
  jsPlugins: ['./tests/harness/layer-rule.ts'],
  categories: { correctness: 'error' },
  env: { builtin: true, browser: true, node: true, worker: true },
  ignorePatterns: ['dist', 'site', 'tests/fixtures'],
  rules: {
    'house/layers': 'error',
    eqeqeq: 'error',
    'no-var': 'error',
    'prefer-const': 'error',
    'max-lines': ['error', { max: 400 }],
    'typescript/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
    'typescript/no-explicit-any': 'error',
    'unicorn/no-new-array': 'off',
  },
  overrides: [
    // What the built package exports is not known before a build.
    { files: ['tests/bench/*.mjs'], rules: { 'import/namespace': 'off' } },
    // Only src/backends/webgpu names GPU* types and constants, and only files for Node name its globals.
    {
      files: ['src/**', 'shaders/**', 'models/**', 'demos/**'],
      excludeFiles: ['src/backends/webgpu/**'],
      rules: {
        'no-restricted-globals': ['error', ...gpuConstants, 'process', 'Buffer'],
        'typescript/no-restricted-types': [
          'error',
          { types: Object.fromEntries(gpuTypes.map((name) => [name, true])) },
        ],
      },
    },
    {
      files: ['src/cli/**', 'src/node.ts', 'src/**/*-node.ts'],
      rules: { 'no-restricted-globals': ['error', ...gpuConstants] },
    },
  ],
});
