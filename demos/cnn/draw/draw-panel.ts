// The Draw tab: a digit goes to the worker, and what the network made of it is shown.

import { byId, element } from '../../shared/dom.ts';
import { onThemeChange } from '../../shared/palette.ts';
import type { Client } from '../client.ts';
import { MAP_LAYERS } from '../geometry.ts';
import {
  LAYERS,
  type Config,
  type LayerName,
  type NetworkName,
  type NetworkNote,
  type Of,
  type Reply,
} from '../protocol.ts';
import { writeDigit } from '../strokes.ts';
import { probabilityBars, signedBars } from './bars.ts';
import { GUIDE } from './guide.ts';
import { LayerView } from './layer-view.ts';
import { Probe } from './probe.ts';
import { Sketch } from './sketch.ts';

type AnswerReply = Of<Reply, 'answer'>;
type Shows = { readonly root: HTMLElement; show(values: Float32Array): void };

/** The digit that is there at first. */
const FIRST = 3;
const UNITS: Partial<Record<LayerName, number>> = { c5: 120, f6: 84, logits: 10 };

/** Sets the tab up. The returned function shows an image instead of a drawing. */
export function drawPanel(client: Client): (image: ImageBitmap) => void {
  const sketch = new Sketch(
    byId<HTMLCanvasElement>('sketch'),
    sendPicture(client, () => sketch.pixels()),
  );
  const probe = new Probe();
  const layers = layerSections(probe);
  const showProbabilities = probabilityBars();
  let last: AnswerReply | null = null;
  let missing = 'loading the network …';

  function show(reply: AnswerReply): void {
    last = reply;
    const { digit, answer } = reply;
    probe.update(digit, answer);
    showProbabilities(answer?.probabilities ?? null, digit ? missing : 'draw a digit');
    if (answer) layers.show(answer.config, answer.layers);
  }
  client.on('answer', show);
  const showAgain = () => last && show(last);
  onThemeChange(showAgain);
  client.on('preparing', ({ what, done, total }) => {
    if (what !== 'answering') return;
    missing = `preparing kernels: ${done} of ${total} …`;
    if (!last?.answer) showAgain();
  });
  client.on('networks', ({ shipped }) => {
    if (!shipped) missing = 'no network to ask yet';
    if (!last?.answer) showAgain();
  });

  const write = (digit: number) => sketch.write(writeDigit(digit, neatly));
  byId('clear').onclick = () => sketch.clear();
  byId('examples').append(
    ...Array.from({ length: 10 }, (_, digit) => {
      const button = element('button', { textContent: String(digit), ariaLabel: `Write a ${digit}` });
      button.onclick = () => write(digit);
      return button;
    }),
  );
  byId('sketch').addEventListener('keydown', ({ key }) => {
    if (/^\d$/.test(key)) write(Number(key));
    else if (key === 'Delete' || key === 'Backspace') sketch.clear();
  });
  networkChoice(client);
  write(FIRST);
  return (image) => sketch.show(image);
}

/** A hand that takes care: from the middle half of the range. */
const neatly = (low: number, high: number): number => low + (high - low) * (0.25 + Math.random() / 2);

/** Sends the picture now, or as soon as the one before is answered. */
function sendPicture(client: Client, pixels: () => ImageData): () => void {
  let [waiting, changed] = [false, false];
  const send = () => {
    changed = waiting;
    if (waiting) return;
    waiting = true;
    const { data, width, height } = pixels();
    client.send({ type: 'picture', rgba: data, width, height }, [data.buffer]);
  };
  const answered = () => {
    waiting = false;
    if (changed) send();
  };
  client.on('answer', answered);
  client.on('problem', answered);
  return send;
}

function layerSections(probe: Probe) {
  const views = new Map<LayerName, Shows>();
  const texts = new Map<LayerName, HTMLElement>();
  for (const name of LAYERS) {
    const layer = MAP_LAYERS.find((candidate) => candidate.name === name);
    const { title } = GUIDE[name];
    const view: Shows = layer ? new LayerView(layer, probe) : signedBars(UNITS[name]!, title.split(' ')[0]);
    const text = element('p', { className: 'small muted' });
    views.set(name, view);
    texts.set(name, text);
    byId('layers').append(
      element('section', { className: 'layer' }, element('h3', { textContent: title }), text, view.root),
    );
  }
  const explain = (config: Config) => {
    for (const [name, text] of texts) text.textContent = GUIDE[name].text[config];
  };
  explain('modern');
  return {
    show(config: Config, values: Readonly<Record<LayerName, Float32Array>>) {
      explain(config);
      for (const [name, view] of views) view.show(values[name]);
    },
  };
}

/** The choice of the network that answers. */
function networkChoice(client: Client): void {
  const select = byId<HTMLSelectElement>('network');
  const options: Record<NetworkName, HTMLOptionElement> = {
    shipped: element('option', { value: 'shipped' }),
    yours: element('option', { value: 'yours' }),
  };
  select.append(options.shipped, options.yours);
  select.onchange = () => client.send({ type: 'ask', network: select.value as NetworkName });
  client.on('asked', ({ network }) => (select.value = network));
  const name = (note: NetworkNote) => [note.config, note.file].filter(Boolean).join(', ');
  client.on('networks', ({ shipped, yours }) => {
    options.shipped.textContent = shipped
      ? `the network of this page (${shipped.config})`
      : 'the network of this page (missing)';
    options.shipped.disabled = !shipped;
    options.yours.textContent = yours ? `the network you train (${name(yours)})` : 'the network you train (random yet)';
  });
}
