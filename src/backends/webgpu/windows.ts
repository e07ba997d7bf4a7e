// Tensors above the adapter's limit for one binding: several bindings of one buffer, and kernels that choose among them.

import type { Binding } from '../../core/kernel.ts';

/** The names of a binding's variables: one, or one per window. */
export const variablesOf = ({ name, windows }: Binding): string[] =>
  windows ? Array.from({ length: windows.count }, (_, i) => `${name}_window${i}`) : [name];

/**
 * Functions that load element `index` of a binding with windows and, if it is written, store it. A load reads every window
 * and selects: outside of its window all threads read one element, whereas each further branch doubles the compile time of
 * software adapters.
 */
export function windowFunctions(binding: Binding, written: boolean): string {
  const { name, type, windows } = binding;
  const variables = variablesOf(binding);
  const elements = windows!.elements;
  const loads = variables.map((variable, i) => {
    const loaded = `${variable}[min(index - ${i * elements}u, ${elements - 1}u)]`; // an index below its window wraps and is clamped
    return i === 0 ? `var value = ${loaded};` : `value = select(value, ${loaded}, index >= ${i * elements}u);`;
  });
  const stores = variables.map((variable, i) => {
    const isLast = i + 1 === variables.length;
    return `${isLast ? '' : `if (index < ${(i + 1) * elements}u) `}{ ${variable}[index - ${i * elements}u] = value; }`;
  });
  const load = `fn load_window_${name}(index: u32) -> ${type} { ${loads.join(' ')} return value; }`;
  const store = `fn store_window_${name}(index: u32, value: ${type}) { ${stores.join(' else ')} }`;
  return written ? `${load}\n${store}` : load;
}

/** `wgsl` with each `NAME[…]` replaced by a call to NAME's window functions. */
export function useWindows(wgsl: string, name: string): string {
  const access = new RegExp(`(?<![\\w.])${name}\\[`, 'g');
  let result = '';
  let from = 0;
  for (let match = access.exec(wgsl); match; match = access.exec(wgsl)) {
    const close = closing(wgsl, access.lastIndex);
    const index = useWindows(wgsl.slice(access.lastIndex, close), name);
    const assignment = /^\s*([-+*/])?=(?!=)/.exec(wgsl.slice(close + 1));
    result += wgsl.slice(from, match.index);
    if (assignment) {
      const start = close + 1 + assignment[0].length;
      const end = wgsl.indexOf(';', start);
      const value = useWindows(wgsl.slice(start, end), name).trim();
      const operator = assignment[1];
      result += `store_window_${name}(${index}, ${operator ? `load_window_${name}(${index}) ${operator} (${value})` : value})`;
      from = end;
    } else {
      result += `load_window_${name}(${index})`;
      from = close + 1;
    }
    access.lastIndex = from;
  }
  return result + wgsl.slice(from);
}

/** Index of the bracket that closes the one opened just before `from`. */
function closing(text: string, from: number): number {
  let depth = 1;
  let at = from;
  while (depth > 0) {
    if (text[at] === '[') depth++;
    else if (text[at] === ']') depth--;
    at++;
  }
  return at - 1;
}
