#!/usr/bin/env node
// Starts the bimetal command from a fresh clone as well: plain JavaScript that any Node runs. It installs the
// npm packages when they are missing and hands over to the Node 24 among them, which runs TypeScript itself.
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './ensure-packages.mjs';
import { handOver } from './hand-over.mjs';

const node = ensurePackages();
const main = fileURLToPath(new URL('main.ts', import.meta.url));
handOver(node, [main, ...process.argv.slice(2)]);
