// `node cli/with-packages.mjs FILE.ts ARGS`: runs a TypeScript file of this repository from a fresh clone as well,
// under the Node 24 among the npm packages. `npm test` and `npm run bench` start so.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ensurePackages } from './ensure-packages.mjs';

const node = ensurePackages();
const [file, ...args] = process.argv.slice(2);
// The tools' launchers say `#!/usr/bin/env node`: let them find this one before the machine's own.
const env = { ...process.env, PATH: [path.dirname(node), process.env.PATH].join(path.delimiter) };
const child = spawn(node, ['--disable-warning=ExperimentalWarning', file, ...args], {
	stdio: 'inherit',
	env,
});
// To the child alone, for whoever stops only us; a Ctrl-C reaches it twice, which does no harm.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', error => {
	process.stderr.write(`bimetal: cannot start ${node}: ${error.message}\n`);
	process.exit(1);
});
child.on('exit', (code, signal) => {
	process.exit(code ?? (signal ? 130 : 1));
});
