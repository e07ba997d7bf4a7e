// What the reader must know: problems with what they did, a run that diverged, and the path it all runs on.

import { byId, element } from '../shared/dom.ts';
import type { Client } from './client.ts';

/** Shows a message until it is closed; one with the same title takes its place. */
export function showNotice(title: string, message: string, action?: { label: string; run: () => void }): void {
  const close = element('button', { className: 'quiet', textContent: '×', ariaLabel: 'Close' });
  const text = element('div', {}, element('b', { textContent: `${title}. ` }), message);
  const notice = element('div', { className: 'notice bad' }, text);
  notice.dataset.title = title;
  if (action) {
    const button = element('button', { textContent: action.label });
    button.onclick = () => {
      action.run();
      notice.remove();
    };
    notice.append(button);
  }
  notice.append(close);
  close.onclick = () => notice.remove();
  byId('notices')
    .querySelector(`[data-title="${CSS.escape(title)}"]`)
    ?.remove();
  byId('notices').append(notice);
}

/** Forgets the messages of what was tried before. */
export const clearNotices = (): void => byId('notices').replaceChildren();

/** Shows what the worker reports, and the device in the page's head. */
export function showReports(client: Client, setRate: (learningRate: number) => void): void {
  const [chip, banner] = [byId('device'), byId('banner')];
  const parts = { device: '', weights: '' };
  const showBanner = () => {
    banner.hidden = !parts.device && !parts.weights;
    banner.replaceChildren(element('div', { textContent: [parts.device, parts.weights].filter(Boolean).join('\n') }));
  };
  client.on('problem', ({ title, message }) => showNotice(title, message));
  client.on('device', ({ device }) => {
    chip.textContent = device.kind === 'cpu' ? 'CPU' : device.description + (device.software ? ' (software)' : '');
    chip.dataset.tip = [device.description, device.details].filter(Boolean).join('\n');
    parts.device = device.reason
      ? `This page runs on the CPU path: everything works, but more slowly. Why: ${device.reason}`
      : '';
    showBanner();
  });
  client.on('networks', ({ shipped }) => {
    parts.weights = shipped
      ? ''
      : 'The trained weights are missing here. Train a network on the Train tab: it answers on the Draw tab then.';
    showBanner();
  });
  client.on('diverged', ({ message, suggested }) => {
    const rate = Number(suggested.toPrecision(2));
    showNotice('Training is paused', message, { label: `Use ${rate}`, run: () => setRate(rate) });
  });
}
