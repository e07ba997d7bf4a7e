#!/usr/bin/env node
// The command `five-tigers`.

import { runCli } from './program.ts';
import { processTerminal } from './ui/terminal.ts';

// Whoever reads the output may have had enough of it, as `head` does.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
process.exitCode = await runCli(process.argv.slice(2), processTerminal);
