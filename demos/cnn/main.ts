// The page of LeNet-5: starts the worker and puts the parts together.

import { byId } from '../shared/dom.ts';
import { readAddress, writeAddress, type Tab } from './address.ts';
import { Client } from './client.ts';
import { drawPanel } from './draw/draw-panel.ts';
import { Files } from './files.ts';
import { showReports } from './notices.ts';
import type { RunSettings } from './protocol.ts';
import { setUpTabs } from './tabs.ts';
import { trainPanel } from './train/train-panel.ts';

const client = new Client();
let { tab, settings } = readAddress();

const choose = (chosen: Partial<RunSettings>) => {
  settings = { ...settings, ...chosen };
  writeAddress({ tab, settings });
};
const open = setUpTabs((opened: Tab) => {
  tab = opened;
  writeAddress({ tab, settings });
  if (tab === 'train') client.send({ type: 'prepare' });
});

showReports(client, (learningRate) => {
  client.send({ type: 'change', settings: { learningRate } });
  choose({ learningRate });
});
trainPanel(client, choose);
const device = new URLSearchParams(location.search).get('device') === 'cpu' ? 'cpu' : 'auto';
client.send({ type: 'start', device, settings });
const showImage = drawPanel(client);

const files = new Files(client, showImage, open);
files.acceptDrops();
files.acceptChoice(byId<HTMLInputElement>('image-file'), ([file]) => void files.takeImage(file));
files.acceptChoice(byId<HTMLInputElement>('mnist-files'), (chosen) => files.takeMnist(chosen));
files.acceptChoice(byId<HTMLInputElement>('load-file'), ([file]) => files.takeNetwork(file));
open(tab);

// Only a link or the reader changes the address; the page itself replaces it without this event.
addEventListener('hashchange', () => location.reload());
