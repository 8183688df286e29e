import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../../common/clock.ts';
import { forgetFrames } from '../../../common/ovsdb/forget-frames.ts';
import { speakJsonRpc } from '../../../common/ovsdb/json-rpc.ts';
import type { Ovsdb } from '../../../common/ovsdb/ovsdb-client.ts';
import { setOf } from '../../../common/ovsdb/ovsdb-values.ts';
import { openRemote } from '../../../common/ovsdb/remote.ts';
import { hilErrors } from '../../errors.ts';
import type { OpenVswitchPlace } from './settings.ts';

/**
 * What the switch remembers of frames that it passed on: others like them take the same way without being looked up, and
 * frames to their sender are let out where that was, whatever VLANs are there now.
 */
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
 * On this machine the switch is told over its control socket. That of another one
 * cannot be reached, so it is given time. Throws SwitchAway when nobody knows where the socket is, or the error of
 * connecting.
 */
export async function openFlowMemory(
	{ remote, control, connected }: OpenVswitchPlace,
	ovsdb: Ovsdb,
	clock: Clock,
	signal: AbortSignal,
): Promise<FlowMemory> {
	const path = control ?? (remote.kind === 'unix' ? await controlBeside(remote.path) : undefined);
	if (path === undefined) return givenTime(() => forgetStations(ovsdb, connected), clock);
	const rpc = speakJsonRpc(await openRemote({ kind: 'unix', path }, {}, signal), undefined, clock);
	return {
		forgotten: () => forgetFrames(rpc),
		closed: rpc.closed,
		close: rpc.close,
	};
}

function givenTime(then: () => Promise<void>, clock: Clock): FlowMemory {
	const waiting = new Set<(fault: Error) => void>();
	return {
		forgotten: () =>
			new Promise((resolve, reject) => {
				const cancel = clock.after(revalidation, () => {
					waiting.delete(giveUp);
					then().then(resolve, reject);
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

/** In no network of hil's: parked ports are in it, which hear nobody. */
const spareVlan = 4095;
const bridges = z.object({ rows: z.array(z.object({ flood_vlans: setOf(z.int()) })) });
const configuration = z.object({ rows: z.tuple([z.object({ next_cfg: z.int() })]) });

/**
 * Makes a bridge forget where stations are, by its database alone: it does when the VLANs change in which it is not to
 * learn that (vswitchd.conf.db(5), flood_vlans). One in which there is nothing to be learned is put there, or taken away.
 */
async function forgetStations(ovsdb: Ovsdb, bridge: string): Promise<void> {
	const where = [['name', '==', bridge]];
	const [found] = await ovsdb.transact([{ op: 'select', table: 'Bridge', where, columns: ['flood_vlans'] }]);
	const [row] = bridges.parse(found).rows;
	// What is wrong with the bridge is told when a port is looked at.
	if (!row) return;
	const mutator = row.flood_vlans.includes(spareVlan) ? 'delete' : 'insert';
	const [, , read] = await ovsdb.transact([
		{ op: 'mutate', table: 'Bridge', where, mutations: [['flood_vlans', mutator, spareVlan]] },
		{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
		{ op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
	]);
	await ovsdb.takenOver(configuration.parse(read).rows[0].next_cfg);
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
