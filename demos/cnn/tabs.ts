// The two tabs, operated as screen readers and keyboards expect (WAI-ARIA's tabs pattern).

import { byId } from '../shared/dom.ts';
import type { Tab } from './address.ts';

const NAMES: readonly Tab[] = ['draw', 'train'];

/** Sets the tabs up; the returned function opens one. */
export function setUpTabs(onOpen: (tab: Tab) => void): (tab: Tab) => void {
  const open = (tab: Tab) => {
    for (const name of NAMES) {
      const button = byId(`tab-${name}`);
      button.ariaSelected = String(name === tab);
      button.tabIndex = name === tab ? 0 : -1;
      byId(`panel-${name}`).hidden = name !== tab;
    }
    onOpen(tab);
  };
  NAMES.forEach((name, i) => {
    const button = byId(`tab-${name}`);
    button.onclick = () => open(name);
    button.onkeydown = ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (!step) return;
      const next = NAMES[(i + step + NAMES.length) % NAMES.length];
      open(next);
      byId(`tab-${next}`).focus();
    };
  });
  return open;
}
