// `five-tigers info`: describes the device, its features and limits.

import type { DeviceKind } from '../../node.ts';
import { describeDevice, openChosenDevice } from '../ui/device.ts';
import { grouped, type Terminal } from '../ui/terminal.ts';
import { versions } from '../ui/versions.ts';
import { addCommon } from '../ui/options.ts';
import type { PlainCommand } from './command.ts';

interface InfoOptions {
  readonly device: DeviceKind;
  readonly json?: boolean;
}

/** Describes the device. */
export const infoCommand: PlainCommand<InfoOptions> = {
  name: 'info',
  description: 'show the adapter, its features and limits',
  define: (command) => void addCommon(command),
  run: info,
};

async function info({ device: kind, json }: InfoOptions, terminal: Terminal): Promise<void> {
  const device = await openChosenDevice({ device: kind }, terminal);
  const { description, features, limits, ...rest } = device.info;
  const subgroupMatrix = device.capabilities?.subgroupMatrix ?? [];
  device.destroy();
  if (json) {
    terminal.result(
      JSON.stringify({ adapter: description, ...rest, features, subgroupMatrix, limits, versions: versions() }),
    );
    return;
  }
  const list = (lines: readonly string[]) => lines.map((line) => `\n  ${line}`).join('');
  const units = subgroupMatrix.map(
    ({ component, result, M, N, K }) => `${M}×${K} · ${K}×${N} of ${component}, accumulated in ${result}`,
  );
  const rows = Object.entries(limits).map(([name, limit]) => `${name.padEnd(36)} ${grouped(limit).padStart(15)}`);
  terminal.result(`Adapter   ${describeDevice(device)}`);
  if (rest.vendor) terminal.result(`Vendor    ${[rest.vendor, rest.architecture].filter(Boolean).join(', ')}`);
  terminal.result(
    `Versions  ${Object.entries(versions())
      .map((entry) => entry.join(' '))
      .join(', ')}`,
  );
  if (features.length > 0) terminal.result(`Features ${list(features)}`);
  if (units.length > 0) terminal.result(`Matrix units ${list(units)}`);
  if (rows.length > 0) terminal.result(`Limits ${list(rows)}`);
}
