#!/usr/bin/env node
// The command `five-tigers`.

import { runCli } from './program.ts';
import { processTerminal } from './ui/terminal.ts';

// The reader of the output may close it early, as `head` does.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
process.exitCode = await runCli(process.argv.slice(2), processTerminal);
