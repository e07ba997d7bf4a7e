// Emulates matrix units in plain WGSL, so that their kernels run on any GPU. Only the three instructions are replaced and,
// because Naga has none, casts of f16 vectors.

import type { Device } from '../../src/backends/device.ts';
import type { Capabilities, Kernel, SubgroupMatrix } from '../../src/core/kernel.ts';
import { withCapabilities } from './devices.ts';

export interface EmulatedUnits {
  readonly unit: SubgroupMatrix;
  /** The largest subgroup size the device reports, and the size it uses. */
  readonly told?: number;
  readonly made?: number;
}

/** `device` with these matrix units. */
export function withEmulatedUnits(device: Device, { unit, told = 32, made = told }: EmulatedUnits): Device {
  const units: Partial<Capabilities> = { software: false, subgroupMaxSize: told, subgroupMatrix: [unit] };
  return {
    ...withCapabilities(device, units),
    load: (plan, ...more) => {
      const steps = plan.steps.map((step) => ({
        ...step,
        kernels: step.kernels.map((one) => emulated(one, unit, made)),
      }));
      return device.load({ ...plan, steps }, ...more);
    },
  };
}

/** `kernel` with the instructions replaced by functions. Any left over would not compile. */
function emulated({ enables, ...kernel }: Kernel, unit: SubgroupMatrix, lanes: number): Kernel {
  if (!enables) return kernel;
  const replacements: [RegExp, string][] = [
    [/alias (Left|Right|Result) = subgroup_matrix_.*\n/g, ''],
    [/subgroupMatrixLoad<(Left|Right), (row|col)_major>\(&tile, /g, 'matrix_of_$2s('],
    [/subgroupMatrixStore<row_major>\(&tile, /g, 'store_matrix('],
    [/subgroupMatrixMultiplyAccumulate/g, 'multiply_accumulate'],
    [/, @builtin\(subgroup_id\) part: u32\) \{/, `) {\n  let part = thread / ${lanes}u;\n  lane = thread % ${lanes}u;`],
  ];
  if (unit.component === 'f16') replacements.push([/bitcast<Word>\((load_\w+\(.*\))\);/g, 'word_of($1);']);
  const text = replacements.reduce((wgsl, [from, to]) => {
    if (wgsl.search(from) < 0) throw new Error(`${kernel.name} does not match ${from}.`);
    return wgsl.replace(from, to);
  }, kernel.wgsl);
  return { ...kernel, wgsl: functions(unit, lanes) + text };
}

/**
 * Operands stay in workgroup memory. A thread stores whole words of a result, because two must not write parts of one. No
 * index into a word or an array of them is computed: drivers based on LLVM would compile for minutes.
 */
const functions = ({ component, M, N, K }: SubgroupMatrix, lanes: number): string => {
  const f16 = component === 'f16';
  const floats = f16 ? 2 : 4; // f32s per word, which has four components
  const words = (M * N) / floats;
  const own = Array.from({ length: Math.ceil(words / lanes) }, (_, i) => i);
  const lines = (line: (word: number) => string) => own.map(line).join('\n');
  const columns = (i: number) =>
    Array.from({ length: floats }, (_, j) => `value_of(right, k, at_${i} % ${N}u + ${j}u)`).join(', ');
  return `
struct Matrix { at: u32, row: u32, column: u32 }
alias Left = Matrix;
alias Right = Matrix;
struct Result { ${own.map((i) => `word_${i}: vec${floats}<f32>`).join(', ')} }
var<private> lane: u32;
fn matrix_of_rows(at: u32, stride: u32) -> Matrix { return Matrix(4u * at, 4u * stride, 1u); }
fn matrix_of_cols(at: u32, stride: u32) -> Matrix { return Matrix(4u * at, 1u, 4u * stride); }
fn value_of(matrix: Matrix, row: u32, column: u32) -> f32 {
  let at = matrix.at + row * matrix.row + column * matrix.column;
  let word = tile[at / 4u];
  ${f16 ? 'let pair = unpack2x16float(select(word.x, word.y, (at & 2u) != 0u));' : 'let pair = bitcast<vec2<f32>>(select(word.xy, word.zw, (at & 2u) != 0u));'}
  return select(pair.x, pair.y, (at & 1u) != 0u);
}
${f16 ? 'fn word_of(value: vec4<f16>) -> Word { return vec2(pack2x16float(vec2<f32>(value.xy)), pack2x16float(vec2<f32>(value.zw))); }' : ''}
fn multiply_accumulate(left: Left, right: Right, total: Result) -> Result {
  var sum = total;
  ${lines((i) => `let at_${i} = (lane + ${i * lanes}u) * ${floats}u;`)}
  for (var k = 0u; k < ${K}u; k++) {
    ${lines((i) => `sum.word_${i} += value_of(left, at_${i} / ${N}u, k) * vec${floats}<f32>(${columns(i)});`)}
  }
  return sum;
}
fn store_word(at: u32, stride: u32, word: u32, value: vec${floats}<f32>) {
  if (word >= ${words}u) { return; }
  tile[at + word / ${N / floats}u * stride + word % ${N / floats}u] = bitcast<Word>(value);
}
fn store_matrix(at: u32, matrix: Result, stride: u32) {
  ${lines((i) => `store_word(at, stride, lane + ${i * lanes}u, matrix.word_${i});`)}
}
`;
};
