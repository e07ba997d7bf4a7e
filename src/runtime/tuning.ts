// Which kernel variant was measured to be the fastest, by adapter, op and size; and the choice made from that.

import type { Device, TuningTable } from '../backends/device.ts';
import type { KernelCall, Op } from '../core/op.ts';
import { formatShape } from '../core/shape.ts';
import { isFused } from '../ops/elementwise/fused.ts';
import { chooseFirst, type ChooseVariant } from './lower.ts';
import { shippedTuning } from './shipped-tuning.ts';

export type { TuningTable } from '../backends/device.ts';

/** What an op's kernel is chosen by. */
type Call = { readonly op: Op } & Pick<KernelCall<object>, 'attrs' | 'inputs'>;

/** The op that decides how `call` is computed: of a fused node the one whose end the others joined. */
export function decidingCall(call: Call): Call {
  const producer = isFused(call) ? call.attrs.producer : null;
  return producer ? { op: producer.op, attrs: producer.attrs, inputs: call.inputs.slice(0, producer.inputs) } : call;
}

/**
 * `vendor architecture | op | dtype | flags | shapes`, with each size rounded to a power of two: what was measured for one
 * size holds for those like it.
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

/** How compile chooses: by the device's table, then by the one that comes with the package, then as the record orders. */
export const tunedChoice =
  (device: Pick<Device, 'info' | 'tuning'>): ChooseVariant =>
  (op, variants, call) => {
    if (variants.length === 1) return variants[0];
    const key = tuningKey(device, { op, ...call });
    const name = device.tuning?.variants[key] ?? shippedTuning.variants[key];
    return variants.find((one) => one.name === name) ?? chooseFirst(op, variants, call);
  };

/** Both tables; where they differ, `newer` holds. */
export const mergeTuning = (older: TuningTable, newer: TuningTable): TuningTable => ({
  version: 1,
  variants: { ...older.variants, ...newer.variants },
});

/** The table in `text`, the JSON of one. @throws an Error that names the file for anything else. */
export function parseTuningTable(text: string, name = 'This file'): TuningTable {
  let table: Partial<TuningTable> | null = null;
  try {
    table = JSON.parse(text) as Partial<TuningTable> | null;
  } catch {
    // Refused below, as all that is no table.
  }
  const variants: unknown = table?.version === 1 ? table.variants : null;
  if (typeof variants !== 'object' || !variants || !Object.values(variants).every((one) => typeof one === 'string'))
    throw new Error(`${name} is no tuning table: make one with \`five-tigers tune\`.`);
  return table as TuningTable;
}
