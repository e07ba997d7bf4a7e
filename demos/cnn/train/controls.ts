// The Train tab's buttons and fields: each change goes to the worker, and what the worker says of the run stands in them.

import { byId, element } from '../../shared/dom.ts';
import type { Client } from '../client.ts';
import type { OptimizerName } from '../../../src/index.ts';
import type { Config, RunNote, RunSettings } from '../protocol.ts';
import { BATCH_SIZES, CONFIGS, OPTIMIZERS, USUAL_RATES } from '../settings.ts';

const select = (id: string) => byId<HTMLSelectElement>(id);
const input = (id: string) => byId<HTMLInputElement>(id);

/** Fills a list with `names`: the value of each choice with its words. */
function fill(list: HTMLSelectElement, names: Readonly<Record<string, string>>): void {
  list.append(...Object.entries(names).map(([value, textContent]) => element('option', { value, textContent })));
}

/**
 * Sets the controls up.
 * @param onChange is given what the user has chosen, for the page's address.
 */
export function trainControls(client: Client, onChange: (settings: Partial<RunSettings>) => void): void {
  const [play, rate, slider] = [byId('play'), input('rate'), input('rate-slider')];
  const [batch, optimizer, config, seed] = [select('batch'), select('optimizer'), select('config'), input('seed')];
  fill(batch, Object.fromEntries(BATCH_SIZES.map((size) => [size, String(size)])));
  fill(optimizer, OPTIMIZERS);
  fill(config, CONFIGS);
  let playing = false;

  play.onclick = () => client.send({ type: playing ? 'pause' : 'play' });
  byId('step').onclick = () => client.send({ type: 'step' });
  input('slow').onchange = () => client.send({ type: 'pace', slow: input('slow').checked });

  const change = (settings: Partial<Omit<RunSettings, 'config' | 'seed'>>) => {
    client.send({ type: 'change', settings });
    onChange(settings);
  };
  const changeRate = (learningRate: number) => {
    // An empty field, or one that is being typed into, is no rate yet.
    if (!(learningRate > 0) || !Number.isFinite(learningRate)) return;
    showRate(learningRate, document.activeElement === rate);
    change({ learningRate });
  };
  const showRate = (learningRate: number, typing = false) => {
    slider.value = String(Math.log10(learningRate));
    if (!typing) rate.value = String(Number(learningRate.toPrecision(3)));
  };
  slider.oninput = () => changeRate(Number((10 ** Number(slider.value)).toPrecision(2)));
  rate.oninput = () => changeRate(Number(rate.value));
  batch.onchange = () => change({ batchSize: Number(batch.value) });
  optimizer.onchange = () => {
    const name = optimizer.value as OptimizerName;
    change({ optimizer: name, learningRate: USUAL_RATES[name] });
  };

  const restart = () => {
    const settings = { config: config.value as Config, seed: Math.trunc(Number(seed.value)) >>> 0 };
    client.send({ type: 'restart', settings });
    onChange(settings);
  };
  config.onchange = restart;
  seed.onchange = restart;
  byId('restart').onclick = restart;

  client.on('run', ({ run }: { run: RunNote }) => {
    playing = run.playing;
    play.textContent = playing ? 'Pause' : 'Play';
    play.ariaPressed = String(playing);
    const { settings } = run;
    // An address may ask for a size that is not in the list.
    if (![...batch.options].some(({ value }) => value === String(settings.batchSize))) {
      fill(batch, { [settings.batchSize]: String(settings.batchSize) });
    }
    batch.value = String(settings.batchSize);
    optimizer.value = settings.optimizer;
    config.value = settings.config;
    seed.value = String(settings.seed);
    showRate(settings.learningRate, document.activeElement === rate);
    byId('train-data').textContent = run.trainData;
    byId('test-data').textContent = run.testData;
    byId('generated').hidden = !/MNIST/.test(run.trainData + run.testData);
  });
  byId('generated').onclick = () => client.send({ type: 'generated' });
}
