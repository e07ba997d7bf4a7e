// Files that come in, dropped or chosen, and files that go out.

import { element } from '../shared/dom.ts';
import type { Client } from './client.ts';
import { clearNotices, showNotice } from './notices.ts';

/** What a file's name says it is. */
function kindOf({ name }: File): 'network' | 'mnist' | 'image' {
  if (/\.(safetensors|pth?|bin|npz)$/i.test(name)) return 'network';
  return /ubyte|\.(gz|idx\d?)$/i.test(name) ? 'mnist' : 'image';
}

/** Takes files, whichever way they come. */
export class Files {
  readonly #client: Client;
  readonly #showImage: (image: ImageBitmap) => void;
  readonly #goTo: (tab: 'draw' | 'train') => void;

  constructor(client: Client, showImage: (image: ImageBitmap) => void, goTo: (tab: 'draw' | 'train') => void) {
    this.#client = client;
    this.#showImage = showImage;
    this.#goTo = goTo;
    client.on('download', ({ name, content }) => download(name, content));
  }

  /** Lets files be dropped anywhere on the page. */
  acceptDrops(): void {
    const { classList } = document.documentElement;
    addEventListener('dragover', (event) => {
      event.preventDefault();
      classList.add('dropping');
    });
    // Without a next target, it is the window that is left.
    addEventListener('dragleave', ({ relatedTarget }) => relatedTarget || classList.remove('dropping'));
    addEventListener('drop', (event) => {
      event.preventDefault();
      classList.remove('dropping');
      void this.take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** Lets files be chosen with `input`. */
  acceptChoice(input: HTMLInputElement, take: (files: File[]) => void = (files) => void this.take(files)): void {
    input.onchange = () => {
      take([...(input.files ?? [])]);
      // The same file may be chosen again, mended.
      input.value = '';
    };
  }

  /** MNIST files, whatever they are called. */
  takeMnist(files: readonly File[]): void {
    if (files.length === 0) return;
    clearNotices();
    this.#client.send({ type: 'mnist', files });
  }

  /** A network or a checkpoint, whatever it is called. */
  takeNetwork(file: File | undefined): void {
    if (!file) return;
    clearNotices();
    this.#client.send({ type: 'load', file });
  }

  /** A picture of a digit. Says so when it is none. */
  async takeImage(file: File | undefined): Promise<void> {
    if (!file) return;
    clearNotices();
    try {
      const image = await createImageBitmap(file);
      this.#showImage(image);
      image.close();
    } catch {
      showNotice(
        'No picture',
        `${file.name} is not an image that this browser can read. PNG, JPEG, WebP and GIF will do.`,
      );
    }
  }

  /** Any files: each goes where its name says. */
  async take(files: readonly File[]): Promise<void> {
    const of = (kind: ReturnType<typeof kindOf>) => files.filter((file) => kindOf(file) === kind);
    const [network, mnist, image] = [of('network'), of('mnist'), of('image')];
    if (network.length + mnist.length > 0) this.#goTo('train');
    else if (image.length > 0) this.#goTo('draw');
    this.takeMnist(mnist);
    this.takeNetwork(network[0]);
    await this.takeImage(image[0]);
  }
}

function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  element('a', { href: url, download: name }).click();
  // The browser has taken hold of the data by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
