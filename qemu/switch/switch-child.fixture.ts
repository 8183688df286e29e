// A switch in a process of its own, for the test that kills it: `RUN FOLDER`; tells which network namespace it made.
import { readlinkSync } from 'node:fs';
import { startSwitch } from './switch.ts';

const [run = '', folder = ''] = process.argv.slice(2);
const network = await startSwitch({ run, folder });
await network.createPort('a');
process.send?.(readlinkSync(network.network));
