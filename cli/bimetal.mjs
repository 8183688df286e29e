#!/usr/bin/env node
// Starts the bimetal command from a fresh clone as well: plain JavaScript that any Node runs. It installs the
// npm packages when they are missing and hands over to the Node 24 among them, which runs TypeScript itself.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './ensure-packages.mjs';

const node = ensurePackages();
const main = fileURLToPath(new URL('main.ts', import.meta.url));
const child = spawn(node, ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)], {
	stdio: 'inherit',
});
// Whoever ends this process means the child. A Ctrl-C reaches both anyway; the child takes the second for the first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', error => {
	process.stderr.write(`bimetal: cannot start ${node}: ${error.message}\n`);
	process.exit(1);
});
child.on('exit', (code, signal) => {
	process.exit(code ?? (signal ? 130 : 1));
});
