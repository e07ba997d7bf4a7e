// Draws a graph of boxes from top to bottom. A plan has a few dozen steps, for which forty lines of layout suffice; graph
// layout libraries (dagre, elk, Mermaid) are larger than this whole command, or need a browser.

/** A box: two lines of text, the names of its inputs, and the boxes before it by number. */
export interface GraphBox {
  readonly title: string;
  readonly note: string;
  readonly leaves: readonly string[];
  readonly after: readonly number[];
}

const [WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN] = [250, 58, 24, 38, 24];
/** Characters per line that fit into a box. */
const FITS = 36;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const cut = (text: string): string => escaped(text.length > FITS ? `${text.slice(0, FITS - 1)}…` : text);

/** Places each box one layer below the lowest of its predecessors, horizontally close to them. */
function layout(boxes: readonly GraphBox[]): { readonly x: number; readonly y: number }[] {
  const layers: number[] = [];
  for (const { after } of boxes) layers.push(Math.max(-1, ...after.map((from) => layers[from])) + 1);
  const columns: number[] = Array.from({ length: boxes.length }, () => 0);
  for (let layer = 0; layer <= Math.max(0, ...layers); layer++) {
    const wanted = ({ after }: GraphBox) => after.reduce((sum, from) => sum + columns[from], 0) / (after.length || 1);
    const members = [...boxes.keys()].filter((i) => layers[i] === layer);
    members.sort((a, b) => wanted(boxes[a]) - wanted(boxes[b]));
    // Each as close to its predecessors as its left neighbour allows.
    members.reduce((free, i) => (columns[i] = Math.max(free, Math.round(wanted(boxes[i])))) + 1, 0);
  }
  return boxes.map((_, i) => ({
    x: MARGIN + columns[i] * (WIDTH + GAP_X),
    y: MARGIN + 30 + layers[i] * (HEIGHT + GAP_Y),
  }));
}

/** The drawing, as the text of an SVG file that follows the reader's light or dark theme. */
export function graphSvg(boxes: readonly GraphBox[], title: string): string {
  const places = layout(boxes);
  const width = Math.max(400, ...places.map(({ x }) => x + WIDTH + MARGIN));
  const height = Math.max(...places.map(({ y }) => y + HEIGHT), 0) + MARGIN;
  const edges = boxes.flatMap(({ after }, i) =>
    after.map((from) => {
      const [x1, y1] = [places[from].x + WIDTH / 2, places[from].y + HEIGHT];
      const [x2, y2] = [places[i].x + WIDTH / 2, places[i].y];
      const bend = Math.max(GAP_Y / 2, Math.min(60, (y2 - y1) / 2));
      return `<path d="M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}"/>`;
    }),
  );
  const drawn = boxes.map(({ title: name, note, leaves }, i) => {
    const { x, y } = places[i];
    const lines = [name, note, leaves.join(', ')].map(
      (line, at) => `<text x="${x + 10}" y="${y + 18 + 16 * at}"${at > 0 ? ' class="note"' : ''}>${cut(line)}</text>`,
    );
    const tip = escaped([name, note, ...leaves].join('\n'));
    return `<g><title>${tip}</title><rect x="${x}" y="${y}" width="${WIDTH}" height="${HEIGHT}" rx="8"/>${lines.join('')}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    '<style>svg{color-scheme:light dark;background:#faf5ec}text{font:12px system-ui,sans-serif;fill:#211a14}',
    '.note{fill:#6a5f53;font-size:11px}rect{fill:#fffdf9;stroke:#d9c6a8}path{fill:none;stroke:#b8430a;opacity:.6}',
    '@media(prefers-color-scheme:dark){svg{background:#15110d}text{fill:#f4ecdf}.note{fill:#ad9f8c}',
    'rect{fill:#1e1914;stroke:#6b5a45}path{stroke:#ff9a57}}</style>',
    `<text x="${MARGIN}" y="${MARGIN + 8}" style="font-size:15px;font-weight:600">${escaped(title)}</text>`,
    ...edges,
    ...drawn,
    '</svg>',
  ].join('\n');
}
