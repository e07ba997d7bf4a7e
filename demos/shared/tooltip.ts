// Numbers within reach of a hover: one tooltip for all elements with `data-tip` and all pictures of numbers.

const tooltip = document.createElement('div');
tooltip.id = 'tooltip';
tooltip.hidden = true;
// Screen readers hear the elements' own labels.
tooltip.ariaHidden = 'true';
document.body.append(tooltip);

function show(text: string, x: number, y: number): void {
  tooltip.textContent = text;
  tooltip.hidden = false;
  const { width, height } = tooltip.getBoundingClientRect();
  const left = Math.min(x + 14, innerWidth - width - 6);
  const top = y + 18 + height > innerHeight ? y - height - 10 : y + 18;
  tooltip.style.transform = `translate(${Math.max(6, left)}px, ${Math.max(6, top)}px)`;
}

/** Lets a hover over `target`, or a tap on it, show `text`. */
export function tip(target: HTMLElement, text: string): void {
  target.dataset.tip = text;
}

/** Gives the text of a picture's cell. */
type CellText = (row: number, column: number) => string;
const cellTexts = new WeakMap<Element, { rows: number; columns: number; text: CellText }>();

/** Lets a hover over `picture`, a grid of `rows` × `columns` cells, show the cell's text. */
export function tipCells(picture: Element, rows: number, columns: number, text: CellText): void {
  cellTexts.set(picture, { rows, columns, text });
}

/** The cell of a grid of `rows` × `columns` over `picture` that a pointer is at. */
export function cellAt(picture: Element, { clientX, clientY }: MouseEvent, rows: number, columns: number) {
  const { left, top, width, height } = picture.getBoundingClientRect();
  const place = (offset: number, length: number, count: number) =>
    Math.min(Math.max(Math.floor((offset / length) * count), 0), count - 1);
  return { row: place(clientY - top, height, rows), column: place(clientX - left, width, columns) };
}

function textAt(event: MouseEvent): string | undefined {
  const target = event.target instanceof Element ? event.target : null;
  const cells = target && cellTexts.get(target);
  if (cells) {
    const { row, column } = cellAt(target, event, cells.rows, cells.columns);
    return cells.text(row, column);
  }
  return target?.closest<HTMLElement>('[data-tip]')?.dataset.tip;
}

function update(event: MouseEvent): void {
  const text = textAt(event);
  if (text) show(text, event.clientX, event.clientY);
  else tooltip.hidden = true;
}

document.addEventListener('pointermove', update);
// A finger has no hover: a tap shows the number.
document.addEventListener('click', update);
document.addEventListener('pointerleave', () => (tooltip.hidden = true));
addEventListener('scroll', () => (tooltip.hidden = true), { passive: true });
