// A program that is compiled when it is first needed, and again when the device has become another one.

import type { Device } from '../../../src/index.ts';

/** Holds one compiled program. */
export class LazyProgram<P extends { dispose(): void }> {
  readonly #compile: (device: Device) => Promise<P>;
  #device: Device | null = null;
  #program: Promise<P> | null = null;

  constructor(compile: (device: Device) => Promise<P>) {
    this.#compile = compile;
  }

  /** The program on `device`. */
  on(device: Device): Promise<P> {
    if (this.#device !== device || !this.#program) {
      this.#device = device;
      const program = this.#compile(device);
      this.#program = program;
      // One failure, of a device that is being lost, is not for ever.
      program.catch(() => this.#program === program && (this.#program = null));
    }
    return this.#program;
  }

  /** Frees the program's memory. */
  async dispose(): Promise<void> {
    const program = this.#program;
    this.#program = null;
    await program?.then(
      (made) => made.dispose(),
      () => {},
    );
  }
}
