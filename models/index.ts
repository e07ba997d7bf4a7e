// The registry: every model under the name that the command line and the demos use.

export { LeNet5, lenet5Configs, type LeNet5Config, type LeNet5Maps } from './cnn/lenet5/model.ts';
export { lenet5Recipe, lenet5Task } from './cnn/lenet5/train.ts';
