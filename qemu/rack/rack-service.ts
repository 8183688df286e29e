import { rm } from 'node:fs/promises';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { RackStatus } from './control-protocol.ts';
import type { ControlHandlers } from './control-server.ts';
import { memoryByFolder, processMemory } from './process-memory.ts';
import type { RackFolders } from './rack-folders.ts';
import type { RackPlan } from './rack-plan.ts';
import { startVirtualRack, type VirtualRack } from './virtual-rack.ts';

/** What a supervisor is started with. */
export interface StartMessage {
	readonly plan: RackPlan;
	readonly digest: string;
	readonly folders: RackFolders;
	/** The rack file. */
	readonly file: string;
}

export interface RackService extends ControlHandlers {
	/** Resolves when nothing of the rack runs any more; `failed` when it could not be started. */
	readonly ended: Promise<'ended' | 'failed'>;
}

/** Starts the rack and does what is asked on its control socket. */
export function createRackService(options: {
	readonly start: StartMessage;
	readonly clock: Clock;
	readonly logger: Logger;
}): RackService {
	const { clock, logger } = options;
	const { plan, digest, folders } = options.start;
	const startedAt = new Date(clock.now()).toISOString();
	const listeners = new Set<(text: string) => void>();
	let rack: VirtualRack | undefined;
	let state: RackStatus['state'] = 'starting';
	let doing: string | null = null;
	let switchFault: string | null = null;
	let onEnd: (how: 'ended' | 'failed') => void = () => undefined;
	const ended = new Promise<'ended' | 'failed'>(resolve => {
		onEnd = resolve;
	});

	const progress = (words: string): void => {
		doing = words;
		for (const tell of listeners) tell(words);
	};
	const telling = async <T>(tell: (text: string) => void, work: () => Promise<T>): Promise<T> => {
		if (doing !== null) tell(doing);
		listeners.add(tell);
		try {
			return await work();
		} finally {
			listeners.delete(tell);
		}
	};
	const starting = startVirtualRack({
		plan,
		folders,
		clock,
		logger: logger as never,
		onProgress: progress,
	}).then(started => {
		rack = started;
		if (state === 'starting') state = 'up';
		doing = null;
		void started.network?.failed.then(reason => {
			if (state === 'ending') return;
			switchFault = reason;
			logger.error({ reason }, 'the switch has broken down: nothing passes any more');
		});
		return started;
	});
	// Whoever waits for it is told; then there is nothing to supervise.
	starting.catch(fault => {
		logger.error({ err: fault }, 'the rack could not be started');
		// A moment for who is about to ask what came of it. The log stays for who asks later.
		clock.after(500, () => onEnd('failed'));
	});

	/** One at a time: two who want the rack up want the same. */
	let switching: Promise<void> | undefined;
	let ending: Promise<void> | undefined;

	const end = async (patienceMs: number): Promise<void> => {
		const started = await starting.catch(() => undefined);
		state = 'ending';
		try {
			if (started && patienceMs > 0) await started.switchOff(patienceMs);
			progress('ending the switch, the BMCs and the PDU');
			await started?.close();
		} finally {
			await rm(folders.runFolder, { recursive: true, force: true });
			onEnd('ended');
		}
	};

	return {
		ended,
		onFault: fault => logger.error({ err: fault }, 'a fault on the control socket'),
		up: (on, tell) =>
			telling(tell, async () => {
				const started = await starting;
				if (ending) throw new BimetalError('RackEnding', `${plan.name} is just being ended: try again`);
				if (!on) return;
				switching ??= started.switchOn().finally(() => {
					switching = undefined;
					doing = null;
				});
				await switching;
			}),
		async vlans(port, wanted) {
			const { network } = await starting;
			if (!network)
				throw new BimetalError('NoSwitch', `${plan.name} has no switch: its file says \`switch: false\``, {
					status: 409,
				});
			await network.setVlans(port, wanted);
		},
		async status() {
			return { status: await showStatus() };
		},
		console(name, socket, first) {
			const node = rack?.nodes.find(each => each.name === name);
			if (!node)
				throw new BimetalError(
					'NodeUnknown',
					`${plan.name} has no node ${name}: ${plan.nodes.map(each => each.name).join(', ')}`,
					{ status: 404 },
				);
			socket.write('{"done":true}\n');
			for (const line of node.serial.lines()) socket.write(`${line}\r\n`);
			const stop = node.serial.listen(bytes => {
				// A terminal that stands still must not make us keep everything.
				if (socket.writableLength < 1024 * 1024) socket.write(bytes);
			});
			socket.once('close', stop);
			if (first.length > 0) node.serial.type(first);
			socket.on('data', bytes => node.serial.type(bytes)).resume();
		},
		down: (patienceMs, tell) =>
			telling(tell, () => {
				ending ??= end(patienceMs);
				return ending;
			}),
	};

	async function showStatus(): Promise<RackStatus> {
		const [memory, supervisorBytes] = await Promise.all([
			memoryByFolder(folders.run),
			processMemory(process.pid),
		]);
		const outlets = rack?.pdu.readings() ?? [];
		return {
			name: plan.name,
			state,
			doing,
			digest,
			supervisor: process.pid,
			startedAt,
			stateFolder: folders.stateFolder,
			runFolder: folders.runFolder,
			memoryBytes: [...memory.values()].reduce((sum, bytes) => sum + bytes, supervisorBytes),
			supervisorBytes,
			accelerator: rack?.accelerator ?? null,
			ca: rack?.caFile ?? null,
			credentials: rack?.credentialsFile ?? null,
			nodes: (rack?.nodes ?? []).map(node => ({
				name: node.name,
				power: node.bmc.powerState(),
				bmc: node.bmc.url,
				console: node.consoleFile,
				memoryBytes: memory.get(node.folder) ?? 0,
				watts: outlets.find(({ Id }) => Id === node.plan.outlet)?.PowerWatts ?? 0,
				macs: node.plan.nics.map(({ mac }) => mac),
			})),
			pdu: rack
				? { url: rack.pdu.url, watts: outlets.reduce((sum, each) => sum + each.PowerWatts, 0) }
				: null,
			switch: rack?.network
				? {
						network: rack.network.network,
						database: rack.network.database,
						fault: switchFault,
						ports:
							switchFault === null
								? (await rack.network.ports()).map(({ name, vlans, isLinked, fault }) => ({
										name,
										...vlans,
										tagged: [...vlans.tagged],
										linked: isLinked,
										fault: fault ?? null,
									}))
								: [],
					}
				: null,
		};
	}
}
