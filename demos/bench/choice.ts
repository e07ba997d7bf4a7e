// Which cases are to be timed: a list of groups, each with its cases.

import { byId, element } from '../shared/dom.ts';
import type { CaseInfo } from './protocol.ts';

/** The chosen cases, and their boxes on the page. */
export class Choice {
  #boxes = new Map<string, HTMLInputElement>();
  #cases: readonly CaseInfo[] = [];

  /** Lists `cases`; `onChange` is called when the user has chosen. */
  show(cases: readonly CaseInfo[], onChange: () => void): void {
    this.#cases = cases;
    const groups = [...new Set(cases.map(({ group }) => group))].map((group) => {
      const own = cases.filter((one) => one.group === group);
      const all = element('input', { type: 'checkbox' });
      const count = element('span', { className: 'muted small' });
      const refresh = () => {
        const chosen = own.filter(({ name }) => this.#boxes.get(name)!.checked).length;
        all.checked = chosen === own.length;
        all.indeterminate = chosen > 0 && chosen < own.length;
        count.textContent = `${chosen} of ${own.length}`;
      };
      const lines = own.map(({ name, large }) => {
        const box = element('input', { type: 'checkbox' });
        box.onchange = onChange;
        box.addEventListener('change', refresh);
        this.#boxes.set(name, box);
        return element('label', { className: 'inline case small' }, box, large ? `${name} (large)` : name);
      });
      all.onchange = () => {
        for (const { name } of own) this.#boxes.get(name)!.checked = all.checked;
        refresh();
        onChange();
      };
      this.#refresh.push(refresh);
      const label = element('label', { className: 'inline' }, all, group);
      return element('details', {}, element('summary', {}, label, ' ', count), ...lines);
    });
    byId('groups').replaceChildren(...groups);
  }

  #refresh: (() => void)[] = [];

  /** Chooses the cases for which `wanted` holds. */
  choose(wanted: (one: CaseInfo) => boolean): void {
    for (const one of this.#cases) this.#boxes.get(one.name)!.checked = wanted(one);
    for (const refresh of this.#refresh) refresh();
  }

  /** Names of the chosen cases. */
  get names(): string[] {
    return this.#cases.flatMap(({ name }) => (this.#boxes.get(name)!.checked ? [name] : []));
  }

  /** The same for an address: a group that is chosen as a whole by its name. */
  get shortNames(): string[] {
    const chosen = new Set(this.names);
    const whole = new Set(this.#cases.map(({ group }) => group));
    for (const { name, group } of this.#cases) if (!chosen.has(name)) whole.delete(group);
    const single = this.#cases.filter(({ name, group }) => chosen.has(name) && !whole.has(group));
    return [...whole, ...single.map(({ name }) => name)];
  }
}
