// The page's state in its address: which cases are chosen, and results small enough for a link.

import { bestMilliseconds, parseBenchReport, type BenchReport, type BenchRow } from '../../src/index.ts';

/** What an address tells. */
export interface Address {
  /** Names of cases and of groups; null: what the page chooses by itself. */
  readonly cases: readonly string[] | null;
  readonly seconds?: number;
  /** Results of somebody, as `pack` makes them. */
  readonly results: string | null;
}

/** Reads `#cases=matrices,sum%201048576&seconds=0.1&results=…`. */
export function readAddress(): Address {
  const given = new URLSearchParams(location.hash.slice(1));
  const seconds = Number(given.get('seconds'));
  return {
    cases: given.get('cases')?.split(',') ?? null,
    seconds: seconds > 0 && seconds <= 60 ? seconds : undefined,
    results: given.get('results'),
  };
}

/** Writes the address without a step in the browser's history. */
export function writeAddress({ cases, seconds, results }: Address): void {
  const told = new URLSearchParams();
  if (cases) told.set('cases', cases.join(','));
  if (seconds) told.set('seconds', String(seconds));
  if (results) told.set('results', results);
  history.replaceState(null, '', told.size > 0 ? `#${told}` : location.pathname + location.search);
}

const digits = (value: number): number => Number(value.toPrecision(4));

const through = async (bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream) =>
  new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());

/** `report` as few letters that an address may hold: what the page shows, to four digits. */
export async function pack({ adapter, ceilings, rows }: BenchReport): Promise<string> {
  const short = rows.map(({ name, group, variant = '', milliseconds, quartiles, flops, bytes }) => {
    return [name, group, variant, ...[milliseconds, ...quartiles].map(digits), flops, bytes];
  });
  const text = JSON.stringify([adapter, Object.values(ceilings).map(digits), short]);
  const packed = await through(new TextEncoder().encode(text), new CompressionStream('deflate-raw'));
  const letters = btoa(Array.from(packed, (byte) => String.fromCharCode(byte)).join(''));
  return letters.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

type ShortRow = [string, BenchRow['group'], string, number, number, number, number, number];

/** The report that `pack` made this of. @throws an Error for anything else. */
export async function unpack(letters: string): Promise<BenchReport> {
  let report: BenchReport;
  try {
    const packed = Uint8Array.from(atob(letters.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    const text = new TextDecoder().decode(await through(packed, new DecompressionStream('deflate-raw')));
    const [adapter, [bytesPerSecond, flopsPerSecond], rows] = JSON.parse(text) as [
      BenchReport['adapter'],
      [number, number],
      ShortRow[],
    ];
    report = {
      version: 1,
      adapter,
      ceilings: { bytesPerSecond, flopsPerSecond },
      rows: rows.map(([name, group, variant, milliseconds, low, high, flops, bytes]) => ({
        name,
        group,
        ...(variant && { variant }),
        milliseconds,
        quartiles: [low, high],
        flops,
        bytes,
        ofCeiling: bestMilliseconds({ flops, bytes }, { flopsPerSecond, bytesPerSecond }) / milliseconds,
        firstMilliseconds: 0,
        queuedMilliseconds: 0,
        clock: 'gpu',
        runs: 0,
        dispatches: 0,
      })),
      skipped: [],
    };
  } catch (cause) {
    throw new Error('The results in this link cannot be read: it may have been cut.', { cause });
  }
  return parseBenchReport(JSON.stringify(report), 'This link');
}
