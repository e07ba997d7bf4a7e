// Types for what is used of cli-progress, which has none of its own.

declare module 'cli-progress' {
  export class SingleBar {
    constructor(options: { format: string; barsize: number; gracefulExit: boolean; linewrap: boolean });
    start(total: number, value: number, payload?: object): void;
    update(value: number, payload?: object): void;
    stop(): void;
  }
}
