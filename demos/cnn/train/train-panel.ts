// The Train tab: curves, filters and digits of the run, as the worker reports them.

import { byId, element, picture } from '../../shared/dom.ts';
import { onThemeChange, paint } from '../../shared/palette.ts';
import type { Client } from '../client.ts';
import { percent } from '../draw/bars.ts';
import { INPUT } from '../geometry.ts';
import type { Of, Reply, RunSettings } from '../protocol.ts';
import { trainControls } from './controls.ts';
import { showProfile } from '../../shared/profile.ts';
import { Curves, RunningMean } from './curves.ts';
import { filterPictures } from './filters.ts';
import { sampleWall } from './samples.ts';

/** Steps over which curves are smoothed. */
const SMOOTHING = 20;
const LOG_LINES = 100;

/** Sets the tab up. `onChange` is given what the user has chosen. */
export function trainPanel(client: Client, onChange: (settings: Partial<RunSettings>) => void): void {
  trainControls(client, onChange);
  showCurves(client);
  showDigits(client);
  showMine(client);
  showTime(client);
  client.on('filters', bindFilters());
  client.on('log', ({ text }) => log(text));
  byId('save-weights').onclick = () => client.send({ type: 'save', what: 'weights' });
  byId('save-checkpoint').onclick = () => client.send({ type: 'save', what: 'checkpoint' });
  byId('lose-device').onclick = () => client.send({ type: 'loseDevice' });
  client.on('device', ({ device }) => (byId<HTMLButtonElement>('lose-device').disabled = device.kind === 'cpu'));
}

function bindFilters() {
  const show = filterPictures(byId('filters'));
  return ({ filters }: Of<Reply, 'filters'>) => show(filters);
}

/** Writes a line into the log, with the time. */
function log(text: string): void {
  const list = byId('log');
  const time = new Date().toLocaleTimeString();
  list.prepend(element('li', {}, element('span', { className: 'muted', textContent: `${time} ` }), text));
  while (list.children.length > LOG_LINES) list.lastChild!.remove();
}

function showTime(client: Client): void {
  const [button, root] = [byId<HTMLButtonElement>('profile'), byId('profile-result')];
  button.onclick = () => {
    button.disabled = true;
    root.textContent = 'Timing each kernel of a step …';
    client.send({ type: 'profile' });
  };
  client.on('profile', ({ profile, ceilings }) => {
    button.disabled = false;
    showProfile(root, profile, ceilings);
  });
  client.on('problem', () => {
    if (button.disabled) root.textContent = '';
    button.disabled = false;
  });
}

function showCurves(client: Client): void {
  const loss = new Curves(
    byId('loss-chart'),
    [
      { label: 'batch', color: '--faint', width: 1 },
      { label: 'mean', color: '--accent-bright' },
    ],
    { y: { range: (_, __, most) => [0, Math.max(most, 0.1) * 1.05] } },
    (value) => value.toPrecision(3),
    (value) => value.toFixed(1),
  );
  const accuracy = new Curves(
    byId('accuracy-chart'),
    [
      { label: 'training', color: '--accent-bright' },
      { label: 'held out', color: '--map-negative', points: true },
    ],
    { y: { range: [0, 1] } },
    percent,
    (value) => `${Math.round(100 * value)} %`,
  );
  let [lossMean, accuracyMean] = [new RunningMean(SMOOTHING), new RunningMean(SMOOTHING)];
  const forget = (step: number) => {
    loss.cut(step);
    accuracy.cut(step);
    [lossMean, accuracyMean] = [new RunningMean(SMOOTHING), new RunningMean(SMOOTHING)];
  };
  const progress = byId('progress');
  client.on('steps', ({ steps, imagesPerSecond }) => {
    let mean = 0;
    for (const { step, loss: value, accuracy: share } of steps) {
      mean = lossMean.add(value);
      loss.add(step, [value, mean]);
      accuracy.add(step, [accuracyMean.add(share), null]);
    }
    const { step, loss: value } = steps.at(-1)!;
    const rate = imagesPerSecond.toLocaleString('en', { maximumSignificantDigits: 3 });
    progress.textContent = `Step ${step.toLocaleString('en')}, mean loss ${mean.toPrecision(3)}, ${rate} digits a second`;
    progress.dataset.tip = `loss of the last batch: ${value.toPrecision(6)}`;
    progress.dataset.step = String(step);
    progress.dataset.loss = String(mean);
  });
  client.on('heldOut', ({ step, accuracy: share, count }) => {
    accuracy.add(step, [null, share]);
    byId('held-out').textContent = percent(share);
    byId('held-out').dataset.tip = `of ${count} held-out digits, after step ${step}`;
  });
  byId('measure').onclick = () => {
    byId('measured').textContent = 'testing …';
    client.send({ type: 'measure' });
  };
  client.on('measured', ({ accuracy: share, count, data }) => {
    byId('measured').textContent = `${(100 * share).toFixed(2)} % of ${data} (${Math.round(share * count)} right)`;
  });
  client.on('newRun', () => {
    forget(-1);
    byId('held-out').textContent = '';
    byId('measured').textContent = '';
    delete progress.dataset.step;
  });
  client.on('run', ({ run: { step, playing } }) => {
    if (playing || progress.dataset.step === String(step)) return;
    progress.dataset.step = String(step);
    progress.textContent = step > 0 ? `At step ${step.toLocaleString('en')}.` : 'A new network, with random weights.';
  });
  client.on('diverged', ({ restoredStep }) => forget(restoredStep));
  client.on('preparing', ({ what, done, total }) => {
    if (what === 'training')
      progress.textContent = done < total ? `Preparing kernels: ${done} of ${total} …` : 'Ready.';
  });
}

function showDigits(client: Client): void {
  const showBatch = sampleWall(
    byId('batch-samples'),
    true,
    (_, predicted) => String(predicted),
    'The digits of each step appear here.',
  );
  const showWrong = sampleWall(
    byId('wrong-samples'),
    false,
    (label, predicted) => `${label} as ${predicted}`,
    'Nothing wrong, or not tested yet.',
  );
  client.on('batch', ({ samples }) => showBatch(samples));
  client.on('heldOut', ({ wrong }) => showWrong(wrong));
  client.on('newRun', () => {
    showBatch(null);
    showWrong(null);
  });
}

/** The digit of the Draw tab, and what the network in training makes of it. */
function showMine(client: Client): void {
  const canvas = picture(INPUT, INPUT, 'Your digit');
  const ask = byId<HTMLInputElement>('ask-yours');
  let digit: Float32Array | null = null;
  byId('mine').append(canvas);
  const draw = () => paint(canvas, digit ?? new Float32Array(INPUT * INPUT), 'ink');
  onThemeChange(draw);
  ask.onchange = () => client.send({ type: 'ask', network: ask.checked ? 'yours' : 'shipped' });
  client.on('asked', ({ network }) => (ask.checked = network === 'yours'));
  client.on('answer', (reply) => {
    digit = reply.digit;
    draw();
    const { answer } = reply;
    const best = answer ? answer.probabilities.indexOf(Math.max(...answer.probabilities)) : -1;
    byId('mine-text').textContent =
      answer?.network === 'yours'
        ? `The network in training takes your digit for a ${best}, with ${percent(answer.probabilities[best])}.`
        : 'Watch how its answer to your own digit changes while it learns.';
  });
}
