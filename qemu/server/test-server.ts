import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { findChildren } from '../../common/processes/children.ts';
import { type Bmc, type BmcOptions, type PowerStateName, startBmc } from '../bmc/bmc.ts';
import { type Ask, askAt, PASSWORD, type Reply } from '../bmc/test-bmc.ts';
import { createServer, type Server } from './server.ts';
import type { ServerOptions } from './server-options.ts';
import { writeTestDisk } from './test-sector.ts';

export const SYSTEM = '/redfish/v1/Systems/system';
/** Milliseconds that a test waits for something that takes one or two seconds on a machine with nothing else to do. */
export const LIMIT = 100_000;
/** Entries that a BMC's log has from the factory. */
const FACTORY_ENTRIES = 12;
let runs = 0;

export interface ServerForTest {
	readonly server: Server;
	readonly bmc: Bmc;
	readonly folder: string;
	readonly run: string;
	readonly ask: Ask;
	/** Every power state that it went through. */
	readonly changes: readonly PowerStateName[];
	reset(type: string): Promise<Reply>;
	/** `Severity MessageId` of every entry since the start, without the registry. */
	log(): Promise<string[]>;
	/** Waits until it has a power state. */
	until(state: PowerStateName): Promise<void>;
}

/** A server of 64 MiB that is off, with a disk that boots test-sector.s, behind its BMC; ended with the test. */
export async function serverForTest(
	t: ExecutionContext,
	options: Partial<ServerOptions> | ((folder: string) => Promise<Partial<ServerOptions>>) = {},
	bmcOptions: Partial<BmcOptions> = {},
): Promise<ServerForTest> {
	const top = await mkdtemp(path.join(tmpdir(), 'bimetal-server-'));
	// First, that it is done last, and also for a server that cannot be made.
	t.teardown(() => rm(top, { recursive: true, force: true }));
	// Longer than the path of a UNIX socket can be.
	const folder = path.join(top, 'x'.repeat(120));
	await mkdir(folder, { mode: 0o700 });
	const run = `test-server-${process.pid}-${runs++}`;
	const disk = path.join(folder, 'disk.raw');
	await writeTestDisk(disk, 'H');
	const server = createServer({
		folder,
		run,
		memoryMiB: 64,
		firmware: 'bios',
		disks: [{ file: disk, format: 'raw' }],
		...(typeof options === 'function' ? await options(folder) : options),
	});
	const changes: PowerStateName[] = [];
	let wake = () => {};
	const bmc = await startBmc({
		name: 'node1',
		accounts: [{ name: 'root', password: PASSWORD, role: 'Administrator' }],
		failedLoginDelayMs: 0,
		power: 'Off',
		createHost: server.createHost,
		onPowerChange(state) {
			changes.push(state);
			wake();
		},
		...bmcOptions,
	});
	t.teardown(async () => {
		await bmc.close();
		const left = await findChildren(run);
		if (left.length > 0) throw new Error(`left over: ${left.map(({ command }) => command)}`);
	});
	const ask = askAt(bmc.url);
	const log = async () => {
		const { json } = await ask('GET', `${SYSTEM}/LogServices/EventLog/Entries`);
		return (json.Members as { Severity: string; MessageId: string }[])
			.slice(FACTORY_ENTRIES)
			.map(({ Severity, MessageId }) => `${Severity} ${MessageId.split('.').at(-1)}`);
	};
	return {
		server,
		bmc,
		folder,
		run,
		ask,
		changes,
		log,
		reset: type => ask('POST', `${SYSTEM}/Actions/ComputerSystem.Reset`, { body: { ResetType: type } }),
		async until(state) {
			let timer: NodeJS.Timeout | undefined;
			const late = new Promise<void>((_, reject) => {
				timer = setTimeout(() => reject(new Error(`never ${state}, only ${changes.join(', ')}`)), LIMIT);
			});
			while (bmc.powerState() !== state) {
				const changed = new Promise<void>(resolve => {
					wake = resolve;
				});
				await Promise.race([changed, late]);
			}
			clearTimeout(timer);
		},
	};
}

export interface ConsoleForTest {
	/** Everything that has come. */
	seen(): string;
	type(text: string): void;
}

/** A client of `/console0`. */
export async function openConsole(t: ExecutionContext, url: string): Promise<ConsoleForTest> {
	const authorization = `Basic ${Buffer.from(`root:${PASSWORD}`).toString('base64')}`;
	const socket = new WebSocket(`${url.replace('http', 'ws')}/console0`, { headers: { authorization } });
	t.teardown(() => socket.terminate());
	let seen = '';
	socket.on('message', (bytes: Buffer) => {
		seen += bytes.toString('latin1');
	});
	await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
	return { seen: () => seen, type: text => socket.send(Buffer.from(text)) };
}
