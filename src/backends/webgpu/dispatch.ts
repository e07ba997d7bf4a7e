// Dispatches ready for replay: their memory is bound once, and copies between them split the pass.

import type { Step } from '../device.ts';
import type { Kernel } from '../../core/kernel.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { BufferCopy } from './buffers.ts';
import type { ProgramBuffers } from './program-buffers.ts';
import { isWrittenInput } from './wgsl-source.ts';

/** One dispatch before its memory is bound. */
export interface Work {
  /** Index of its step in the plan. */
  readonly at: number;
  readonly step: Step;
  readonly kernel: Kernel;
  readonly pipeline: GPUComputePipeline;
}

export interface Dispatch {
  /** Index of its step in the plan. */
  readonly step: number;
  readonly kernel: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  /** Copies to make just before it. */
  readonly copies: readonly BufferCopy[];
}

/** `work` bound to where its tensors are now. */
export function bind(device: GPUDevice, { at, step, kernel, pipeline }: Work, buffers: ProgramBuffers): Dispatch {
  const bindingsOf = (tensors: readonly Tensor[], bindings: Kernel['inputs']) =>
    bindings.map((binding, i) => (binding ? buffers.bindingsOf(tensors[i], binding) : []));
  const inputs = bindingsOf([...step.inputs, ...step.scratch], kernel.inputs);
  const outputs = bindingsOf(step.outputs, kernel.outputs).flat();
  const written = new Set(
    [...inputs.filter((_, i) => isWrittenInput(kernel, i)).flat(), ...outputs].map(({ buffer }) => buffer),
  );
  const copies: BufferCopy[] = [];
  const readable = (binding: Required<GPUBufferBinding>): GPUBufferBinding => {
    // In WebGPU a dispatch cannot read one part of a buffer and write another.
    if (!written.has(binding.buffer)) return binding;
    const to = buffers.temporary(binding.size);
    copies.push({ from: binding, to, bytes: binding.size });
    return { ...to, size: binding.size };
  };
  const read = inputs.flatMap((list, i) => (isWrittenInput(kernel, i) ? list : list.map(readable)));
  return {
    step: at,
    kernel: kernel.name,
    pipeline,
    bindGroup: device.createBindGroup({
      label: kernel.name,
      layout: pipeline.getBindGroupLayout(0),
      entries: [...read, ...outputs, ...buffers.arguments.bindingsOf(kernel)].map((resource, binding) => ({
        binding,
        resource,
      })),
    }),
    workgroups: kernel.workgroups,
    copies,
  };
}

/** Records `copies`, in order. */
export function recordCopies(encoder: GPUCommandEncoder, copies: readonly BufferCopy[]): void {
  for (const { from, to, bytes } of copies)
    encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes);
}

/**
 * Records one pass of `dispatches`, after the copies that the first of them needs. Each call costs the host about a
 * microsecond, so a pipeline is not set again for the next dispatch.
 */
export function recordPass(
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
  descriptor?: GPUComputePassDescriptor,
): void {
  if (dispatches.length > 0) recordCopies(encoder, dispatches[0].copies);
  const pass = encoder.beginComputePass(descriptor);
  let current: GPUComputePipeline | null = null;
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    if (pipeline !== current) pass.setPipeline((current = pipeline));
    pass.setBindGroup(0, bindGroup);
    if (workgroups[1] === 1 && workgroups[2] === 1) pass.dispatchWorkgroups(workgroups[0]);
    else pass.dispatchWorkgroups(...workgroups);
  }
  pass.end();
}

/** `dispatches` in as few passes as possible: one, unless something is copied between them. */
export function passesOf(dispatches: readonly Dispatch[]): Dispatch[][] {
  const passes: Dispatch[][] = [];
  for (const dispatch of dispatches) {
    if (passes.length === 0 || dispatch.copies.length > 0) passes.push([dispatch]);
    else passes[passes.length - 1].push(dispatch);
  }
  return passes;
}
