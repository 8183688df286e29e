// `node cli/with-packages.mjs FILE.ts ARGS`: runs a TypeScript file of this repository from a fresh clone as well,
// under the Node 24 among the npm packages. `npm test` and `npm run bench` start so.
import path from 'node:path';
import { ensurePackages } from './ensure-packages.mjs';
import { handOver } from './hand-over.mjs';

const node = ensurePackages();
const [file, ...args] = process.argv.slice(2);
// The tools' launchers say `#!/usr/bin/env node`: let them find this one before the machine's own.
const env = { ...process.env, PATH: [path.dirname(node), process.env.PATH].join(path.delimiter) };
handOver(node, [file, ...args], env);
