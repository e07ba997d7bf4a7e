// How a step of a recurrent layer computes gates and states from its sums, forward and backward.
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { GATES, NO_STEP, sourceOf, type RecurrentShape } from './recurrent-step.ts';

/** The type of a thread's sums for one row. */
export const sumType = (sums: number) => (sums === 1 ? 'f32' : `vec${sums}<f32>`);

const sigmoidFunction = 'fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-clamp(x, -87.0, 87.0))); }';
// Past 9 tanh is 1 in f32, and past 88 some drivers return NaN.
const tanhFunction = 'fn tanh_of(x: f32) -> f32 { return tanh(clamp(x, -15.0, 15.0)); }';

/** finish(row, j, sum): computes the gates of one element and the step's results. */
function finishForward(s: RecurrentShape): string {
  const { cell, batch, hidden, element } = s;
  const gate = (g: number) => `f32(${sourceOf(s)}[gates_at + ${g * hidden}u])`;
  const body = {
    rnnTanh: `y[at] = ${element}(tanh_of(${gate(0)} + sum));`,
    rnnRelu: `y[at] = ${element}(max(${gate(0)} + sum, 0.0));`,
    lstm: wgsl`
  let i = sigmoid(${gate(0)} + sum.x);
  let f = sigmoid(${gate(1)} + sum.y);
  let g = tanh_of(${gate(2)} + sum.z);
  let o = sigmoid(${gate(3)} + sum.w);
  var before = 0.0;
  if (args[0].y == ${NO_STEP}u) { before = f32(c0[row * ${hidden}u + j]); } else { before = f32(cells[before_at]); }
  let c = f * before + i * g;
  activated[gates_at] = ${element}(i);
  activated[gates_at + ${hidden}u] = ${element}(f);
  activated[gates_at + ${2 * hidden}u] = ${element}(g);
  activated[gates_at + ${3 * hidden}u] = ${element}(o);
  cells[at] = ${element}(c);
  y[at] = ${element}(o * tanh_of(c));`,
    gru: wgsl`
  let r = sigmoid(${gate(0)} + sum.x);
  let z = sigmoid(${gate(1)} + sum.y);
  let from_hidden = sum.z + f32(bias_n[j]);
  let n = tanh_of(${gate(2)} + r * from_hidden);
  var before = 0.0;
  if (args[0].y == ${NO_STEP}u) { before = f32(h0[row * ${hidden}u + j]); } else { before = f32(y[before_at]); }
  activated[gates_at] = ${element}(r);
  activated[gates_at + ${hidden}u] = ${element}(z);
  activated[gates_at + ${2 * hidden}u] = ${element}(n);
  hidden_n[at] = ${element}(from_hidden);
  y[at] = ${element}(n + z * (before - n));`,
  };
  return wgsl`
${sigmoidFunction}
${tanhFunction}
fn finish(row: u32, j: u32, sum: ${sumType(GATES[cell])}) {
  let at = (args[0].x * ${batch}u + row) * ${hidden}u + j;
  let gates_at = (args[0].x * ${batch}u + row) * ${GATES[cell] * hidden}u + j;
  let before_at = (args[0].y * ${batch}u + row) * ${hidden}u + j;
  ${body[cell]}
}`;
}

/** finish(row, j, sum): computes the gradients of one element's gates, and of the state that bypasses the product. */
function finishBackward(s: RecurrentShape): string {
  const { cell, batch, hidden, element, cellGradient } = s;
  const gate = (g: number) => `f32(${sourceOf(s)}[gates_at + ${g * hidden}u])`;
  const body = {
    rnnTanh: `let h = ${gate(0)};\n  dgates[at] = ${element}(dh * (1.0 - h * h));`,
    rnnRelu: `dgates[at] = ${element}(select(0.0, dh, ${gate(0)} > 0.0));`,
    lstm: wgsl`
  let i = ${gate(0)};
  let f = ${gate(1)};
  let g = ${gate(2)};
  let o = ${gate(3)};
  var before = 0.0;
  if (args[0].z == ${NO_STEP}u) { before = f32(c0[carry_at]); } else { before = f32(cells[before_at]); }
  let squashed = tanh_of(f32(cells[at]));
  let dc = carried + ${cellGradient ? 'f32(dcells[at])' : '0.0'} + dh * o * (1.0 - squashed * squashed);
  dgates[gates_at] = ${element}(dc * g * i * (1.0 - i));
  dgates[gates_at + ${hidden}u] = ${element}(dc * before * f * (1.0 - f));
  dgates[gates_at + ${2 * hidden}u] = ${element}(dc * i * (1.0 - g * g));
  dgates[gates_at + ${3 * hidden}u] = ${element}(dh * squashed * o * (1.0 - o));
  carry[carry_at] = dc * f;`,
    gru: wgsl`
  let r = ${gate(0)};
  let z = ${gate(1)};
  let n = ${gate(2)};
  let dstate = dh + carried;
  let dn = dstate * (1.0 - z) * (1.0 - n * n);
  dgates[gates_at] = ${element}(dn * f32(hidden_n[at]) * r * (1.0 - r));
  dgates[gates_at + ${hidden}u] = ${element}(dstate * (f32(previous[at]) - n) * z * (1.0 - z));
  dgates[gates_at + ${2 * hidden}u] = ${element}(dn);
  dhidden_n[at] = ${element}(dn * r);
  carry[carry_at] = dstate * z;`,
  };
  return wgsl`
${tanhFunction}
fn finish(row: u32, j: u32, sum: f32) {
  let at = (args[0].x * ${batch}u + row) * ${hidden}u + j;
  let gates_at = (args[0].x * ${batch}u + row) * ${GATES[cell] * hidden}u + j;
  let before_at = (args[0].z * ${batch}u + row) * ${hidden}u + j;
  let dh = f32(dy[at]) + sum;
#if ${GATES[cell] > 1}
  let carry_at = row * ${hidden}u + j;
  var carried = 0.0;
  if (args[0].y != ${NO_STEP}u) { carried = carry[carry_at]; }
#endif
  ${body[cell]}
}`;
}

/** `finish(row, j, sum)`, which computes a step's results from its sums. */
export const finishFunctions = (s: RecurrentShape): string =>
  s.direction === 'forward' ? finishForward(s) : finishBackward(s);
