// The fastest measured kernel variants, by adapter, op and size, and the choice based on them.

import type { Device, TuningTable } from '../backends/device.ts';
import type { KernelCall, Op } from '../core/op.ts';
import { formatShape } from '../core/shape.ts';
import { isFused } from '../ops/elementwise/fused.ts';
import { chooseFirst, type ChooseVariant } from './lower.ts';
import { shippedTuning } from './shipped-tuning.ts';

export type { TuningTable } from '../backends/device.ts';

/** What an op's variant is chosen by. */
type Call = { readonly op: Op } & Pick<KernelCall<object>, 'attrs' | 'inputs'>;

/** The call whose op has the variants: for a fused node, that of its producer. */
export function decidingCall(call: Call): Call {
  const producer = isFused(call) ? call.attrs.producer : null;
  return producer ? { op: producer.op, attrs: producer.attrs, inputs: call.inputs.slice(0, producer.inputs) } : call;
}

/**
 * `vendor architecture | op | dtype | flags | shapes`, with sizes rounded to powers of two, so that a measurement holds for
 * similar sizes.
 */
export function tuningKey({ info }: Pick<Device, 'info'>, call: Call): string {
  const { op, attrs, inputs } = decidingCall(call);
  const flags = Object.entries(attrs).flatMap(([name, value]) => (value === true ? [name] : []));
  const shapes = inputs.map(({ shape }) =>
    formatShape(shape.map((dim) => (dim > 0 ? 2 ** Math.round(Math.log2(dim)) : 0))),
  );
  const adapter = `${info.vendor} ${info.architecture}`.trim() || info.description;
  return [adapter, op.name, inputs[0]?.dtype ?? 'f32', flags.join(' '), shapes.join(' ')].join(' | ');
}

/** The default choice: by the device's table, then by the one shipped with the package, then the record's first. */
export const tunedChoice =
  (device: Pick<Device, 'info' | 'tuning'>): ChooseVariant =>
  (op, variants, call) => {
    if (variants.length === 1) return variants[0];
    const key = tuningKey(device, { op, ...call });
    const name = device.tuning?.variants[key] ?? shippedTuning.variants[key];
    return variants.find((one) => one.name === name) ?? chooseFirst(op, variants, call);
  };

/** Both tables; where they differ, `newer` wins. */
export const mergeTuning = (older: TuningTable, newer: TuningTable): TuningTable => ({
  version: 1,
  variants: { ...older.variants, ...newer.variants },
});

/** Parses a table's JSON. @throws an Error that names the file if it is anything else. */
export function parseTuningTable(text: string, name = 'This file'): TuningTable {
  let table: Partial<TuningTable> | null = null;
  try {
    table = JSON.parse(text) as Partial<TuningTable> | null;
  } catch {
    // Reported below.
  }
  const variants: unknown = table?.version === 1 ? table.variants : null;
  if (typeof variants !== 'object' || !variants || !Object.values(variants).every((one) => typeof one === 'string'))
    throw new Error(`${name} is not a tuning table: make one with \`five-tigers tune\`.`);
  return table as TuningTable;
}
