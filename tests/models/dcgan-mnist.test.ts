// DCGAN against PyTorch: images, both losses, every gradient and running statistic.

import { expect, test } from 'vitest';
import { DCGAN, type DCGANConfig } from '../../models/gan/dcgan-mnist/model.ts';
import { toNetwork } from '../../models/gan/dcgan-mnist/train.ts';
import { add, compile, detach, grad, Input, mean, neg, softplus, spec } from '../../src/node.ts';
import { below, computeModel, modelCase, modelProblems, pick, testDevices } from '../harness/model-fixture.ts';

/** At least three times the worst measured error. */
const tolerance = { absolute: 1e-6, relative: 1e-6 };

const { config, stored } = modelCase('dcgan', 'tiny');

test.each(['cpu', 'gpu'] as const)('matches PyTorch on the %s', async (kind) => {
  const [model, device] = [new DCGAN(config as unknown as DCGANConfig), await testDevices[kind]()];
  const { generator, discriminator } = model;
  const fresh = await model.stateDict();
  model.loadStateDict(new Map([...fresh, ...below(stored, 'params/')]));
  const step = await compile(
    device,
    ({ image, z }) => {
      const [fake, real] = [generator.forward(z), discriminator.forward(toNetwork(image))];
      const discriminatorLoss = add(mean(softplus(neg(real))), mean(softplus(discriminator.forward(detach(fake)))));
      const generatorLoss = mean(softplus(neg(discriminator.forward(fake))));
      const gradients = { generator: generatorLoss, discriminator: discriminatorLoss };
      const named = Object.entries(gradients).flatMap(([name, loss]) => {
        const parameters = [...model[name as keyof typeof gradients].namedParameters(`${name}.`)];
        const found = grad(loss, parameters.map(([, parameter]) => parameter)); // prettier-ignore
        return parameters.map(([key], i) => [`grad/${key}`, found[i]] as const);
      });
      return { fake, real, discriminatorLoss, generatorLoss, ...Object.fromEntries(named) };
    },
    { image: stored.image, z: stored.z },
    { training: true },
  );
  const found = await step.run({ image: stored.image.data, z: stored.z.data });
  expect(modelProblems(`dcgan ${kind}`, found, stored, tolerance)).toEqual([]);
  expect(Object.keys(found).filter((name) => name.startsWith('grad/'))).toHaveLength(model.parameters().length);

  const after = Object.fromEntries([...(await model.stateDict())].filter(([name]) => name.includes('running')));
  const statistics = Object.fromEntries(below(stored, 'after/'));
  expect(modelProblems(`dcgan statistics ${kind}`, after, statistics, tolerance)).toEqual([]);

  const sampled = await computeModel(device, model, pick(stored, ['z']), ({ z }) => ({ sampled: model.forward(z) }));
  expect(modelProblems(`dcgan sample ${kind}`, sampled, stored, tolerance)).toEqual([]);
});

test('the error for images of the wrong size has the op and both shapes', () => {
  const image = new Input('image', spec([2, 1, 28, 28]));
  expect(() => new DCGAN().discriminator.forward(image)).toThrow(/conv2d.*\[2, 128, 3, 3\].*\[1, 128, 4, 4\]/);
});
