// The background process of a rack: `bimetal qemu rack up` starts it and gives it the plan on standard input. It holds
// the BMCs and the PDU, and is the parent of every QEMU, swtpm and Open vSwitch daemon, which all end with it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { systemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/log/logger.ts';
import { lockFile } from '../../common/store/file-lock.ts';
import { serveControl } from './control-server.ts';
import { makeRunFolder } from './rack-folders.ts';
import { createRackService, type StartMessage } from './rack-service.ts';

/** Milliseconds that servers have for shutting down when this process is told to end. */
const PATIENCE_MS = 10_000;

const start = JSON.parse(await text(process.stdin)) as StartMessage;
const { folders } = start;
const logger = createLogger({ service: 'rack', level: 'info' });
await makeRunFolder(folders);
const lock = await lockFile(join(folders.runFolder, 'lock'), systemClock);
if (!lock.locked) {
	logger.error({ holder: lock.holder }, 'another supervisor has this rack');
	process.exit(1);
}
const { run, stateFolder } = folders;
const record = { name: start.plan.name, run, stateFolder, file: start.file, digest: start.digest };
await writeFile(join(folders.runFolder, 'rack.json'), `${JSON.stringify(record)}\n`, { mode: 0o600 });

const service = createRackService({ start, clock: systemClock, logger });
const closeControl = await serveControl(folders.runFolder, service);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
	process.on(signal, () => void service.down(PATIENCE_MS, () => undefined));
}
process.on('uncaughtException', fault => {
	logger.error({ err: fault }, 'a fault in the rack: it ends');
	// Whatever cannot be ended in order ends with this process.
	setTimeout(() => process.exit(1), 5000);
	void service.down(0, () => undefined);
});
const how = await service.ended;
await closeControl();
process.exit(how === 'failed' ? 1 : 0);
