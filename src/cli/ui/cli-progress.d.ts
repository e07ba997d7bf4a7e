// cli-progress has no types of its own: these are for what is used here.

declare module 'cli-progress' {
  export class SingleBar {
    constructor(options: { format: string; barsize: number; gracefulExit: boolean; linewrap: boolean });
    start(total: number, value: number, payload?: object): void;
    update(value: number, payload?: object): void;
    stop(): void;
  }
}
