import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../../common/clock.ts';
import { speakJsonRpc } from '../../../common/ovsdb/json-rpc.ts';
import { openRemote } from '../../../common/ovsdb/remote.ts';
import { hilErrors } from '../../errors.ts';
import type { OpenVswitchPlace } from './settings.ts';

/** What the switch remembers of frames that it passed on: others like them take the same way without being looked up. */
export interface FlowMemory {
	/** Resolves when every frame takes the way that the configuration in force says. */
	forgotten(): Promise<void>;
	/** Resolves when the switch is seen to have ended. */
	readonly closed: Promise<void>;
	close(): void;
}

/**
 * Milliseconds after which a switch that nobody can tell to forget has looked at everything that it remembers: it begins
 * at once, and half a second later at the latest (vswitchd.conf.db(5), max-revalidator).
 */
const revalidation = 1000;

/**
 * On this machine the switch is told over its control socket (ovs-vswitchd(8), revalidator/purge, fdb/flush). That of another one
 * cannot be reached, so it is given time. Throws SwitchAway when nobody knows where the socket is, or the error of
 * connecting.
 */
export async function openFlowMemory(
	{ remote, control }: Pick<OpenVswitchPlace, 'remote' | 'control'>,
	clock: Clock,
	signal: AbortSignal,
): Promise<FlowMemory> {
	const path = control ?? (remote.kind === 'unix' ? await controlBeside(remote.path) : undefined);
	if (path === undefined) return givenTime(clock);
	const rpc = speakJsonRpc(await openRemote({ kind: 'unix', path }, {}, signal), undefined, clock);
	return {
		async forgotten() {
			await rpc.ask('revalidator/purge', []);
			// With what it forgets, the switch may learn once more where stations were: frames to a station that it knows of
			// are let out there whatever the port carries. Nothing that was so before is left to be learned now.
			await rpc.ask('fdb/flush', []);
		},
		closed: rpc.closed,
		close: rpc.close,
	};
}

function givenTime(clock: Clock): FlowMemory {
	const waiting = new Set<(fault: Error) => void>();
	return {
		forgotten: () =>
			new Promise((resolve, reject) => {
				const cancel = clock.after(revalidation, () => {
					waiting.delete(giveUp);
					resolve();
				});
				const giveUp = (fault: Error): void => {
					cancel();
					reject(fault);
				};
				waiting.add(giveUp);
			}),
		closed: new Promise(() => undefined),
		close() {
			for (const giveUp of waiting) giveUp(new Error('the connection to the switch was closed'));
			waiting.clear();
		},
	};
}

/** Where ovs-vswitchd(8) puts it, in the folder of the database's socket: its name has the process's number. */
async function controlBeside(database: string): Promise<string> {
	const pidFile = join(dirname(database), 'ovs-vswitchd.pid');
	try {
		return join(dirname(database), `ovs-vswitchd.${(await readFile(pidFile, 'utf8')).trim()}.ctl`);
	} catch (cause) {
		throw hilErrors.SwitchAway(
			`${pidFile} cannot be read: is ovs-vswitchd running? If its control socket is elsewhere, name that as control`,
			{ cause },
		);
	}
}
