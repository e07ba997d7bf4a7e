// DCGAN for digits of 32 × 32 pixels: A. Radford, L. Metz and S. Chintala, "Unsupervised representation learning with deep
// convolutional generative adversarial networks", ICLR 2016. Layers and names are those of PyTorch's example, one size smaller.

import {
  BatchNorm2d, Conv2d, ConvTranspose2d, LeakyReLU, Module, normalValues, ReLU, reshape, Sequential, Tanh, type Tensor,
} from '../../../src/index.ts'; // prettier-ignore

/** Sizes of both networks, with the names of PyTorch's example. */
export interface DCGANConfig {
  /** Size of a latent vector. */
  readonly nz: number;
  /** Width of the generator's last hidden layer. */
  readonly ngf: number;
  /** Width of the discriminator's first layer. */
  readonly ndf: number;
  /** Channels of an image. */
  readonly nc: number;
}

/** The config of the shipped weights. */
export const dcganConfigs = {
  mnist: { nz: 100, ngf: 32, ndf: 32, nc: 1 },
} as const satisfies Record<string, DCGANConfig>;

/** The paper's initialization: convolution weights N(0, 0.02), batch norm weights N(1, 0.02). */
function initialize(network: Module): void {
  for (const [name, parameter] of network.namedParameters()) {
    if (!name.endsWith('weight')) continue;
    const { shape } = parameter;
    parameter.write(normalValues(shape, 0.02, shape.length === 1 ? 1 : 0));
  }
}

const up = { stride: 2, padding: 1, bias: false } as const;
const down = { stride: 2, padding: 1, bias: false } as const;

/** z [B, nz] → images [B, nc, 32, 32] between -1 and 1. */
export class Generator extends Module {
  override readonly title = 'Generator';
  readonly main: Sequential;

  constructor({ nz, ngf, nc }: DCGANConfig = dcganConfigs.mnist) {
    super();
    this.main = new Sequential(
      new ConvTranspose2d(nz, ngf * 4, 4, { bias: false }), // [B, 4 ngf, 4, 4]
      new BatchNorm2d(ngf * 4),
      new ReLU(),
      new ConvTranspose2d(ngf * 4, ngf * 2, 4, up), // [B, 2 ngf, 8, 8]
      new BatchNorm2d(ngf * 2),
      new ReLU(),
      new ConvTranspose2d(ngf * 2, ngf, 4, up), // [B, ngf, 16, 16]
      new BatchNorm2d(ngf),
      new ReLU(),
      new ConvTranspose2d(ngf, nc, 4, up), // [B, nc, 32, 32]
      new Tanh(),
    );
    initialize(this);
  }

  forward(z: Tensor): Tensor {
    return this.main.forward(reshape(z, [z.shape[0], -1, 1, 1]));
  }
}

/** Images [B, nc, 32, 32] between -1 and 1 → logits [B]: above 0 if the image looks real. */
export class Discriminator extends Module {
  override readonly title = 'Discriminator';
  readonly main: Sequential;

  constructor({ ndf, nc }: DCGANConfig = dcganConfigs.mnist) {
    super();
    this.main = new Sequential(
      new Conv2d(nc, ndf, 4, down), // [B, ndf, 16, 16]
      new LeakyReLU(0.2),
      new Conv2d(ndf, ndf * 2, 4, down), // [B, 2 ndf, 8, 8]
      new BatchNorm2d(ndf * 2),
      new LeakyReLU(0.2),
      new Conv2d(ndf * 2, ndf * 4, 4, down), // [B, 4 ndf, 4, 4]
      new BatchNorm2d(ndf * 4),
      new LeakyReLU(0.2),
      new Conv2d(ndf * 4, 1, 4, { bias: false }), // [B, 1, 1, 1]
    );
    initialize(this);
  }

  /** PyTorch's example ends with a sigmoid, which here is part of the loss. */
  forward(image: Tensor): Tensor {
    return reshape(this.main.forward(image), [image.shape[0]]);
  }
}

/** Both networks, with checkpoint names `generator.main.0.weight`, `discriminator.main.0.weight` … */
export class DCGAN extends Module {
  override readonly title = 'DCGAN';
  readonly config: DCGANConfig;
  readonly generator: Generator;
  readonly discriminator: Discriminator;

  constructor(config: DCGANConfig = dcganConfigs.mnist) {
    super();
    this.config = config;
    this.generator = new Generator(config);
    this.discriminator = new Discriminator(config);
  }

  /** z [B, nz] → images [B, nc, 32, 32]. */
  forward(z: Tensor): Tensor {
    return this.generator.forward(z);
  }
}
