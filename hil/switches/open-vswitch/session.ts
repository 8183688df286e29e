import { z } from 'zod';
import type { Clock } from '../../../common/clock.ts';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { type Ovsdb, speakOvsdb } from '../../../common/ovsdb/ovsdb-client.ts';
import { openRemote } from '../../../common/ovsdb/remote.ts';
import { type FlowMemory, openFlowMemory } from './flow-memory.ts';
import { findRows, type PortRows, type SeenPort, seePort } from './port.ts';
import type { OpenVswitchPlace } from './settings.ts';

/** A connection to a switch's database, and what has been seen over it. */
export interface Session {
	readonly ovsdb: Ovsdb;
	/** A port as it is now, with everything that was asked for before in force. */
	see(port: string): Promise<SeenPort>;
	/** Waits until this configuration decides on every frame. */
	inForce(configuration: number): Promise<void>;
	close(): void;
}

const counted = z.object({ rows: z.tuple([z.object({ next_cfg: z.int() })]) });

/**
 * Connects and counts the configuration up. What an earlier connection sent and never heard of waits for an older number:
 * it cannot come true from here on. What it did, but did not see in force, is in force.
 */
export async function openSession(
	place: OpenVswitchPlace,
	ca: string | undefined,
	clock: Clock,
	signal: AbortSignal,
): Promise<Session> {
	const { certificate, key } = place;
	const socket = await openRemote(place.remote, { ca, certificate, key }, signal);
	let flows: FlowMemory | undefined;
	const close = (): void => {
		flows?.close();
		// And with it the database's client, to which it belongs.
		socket.destroy();
	};
	signal.addEventListener('abort', close, { once: true });
	try {
		const ovsdb = await speakOvsdb(socket, clock);
		const inForce = async (configuration: number): Promise<void> => {
			await ovsdb.takenOver(configuration);
			await flows?.forgotten();
		};
		const [, read] = await ovsdb.transact([
			{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
			{ op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
		]);
		flows = await openFlowMemory(place, ovsdb, clock, signal);
		// Whoever waits for what the switch was told would wait in vain.
		void flows.closed.then(close);
		await inForce(counted.parse(read).rows[0].next_cfg);
		signal.throwIfAborted();
		return { ovsdb, see: createLook(ovsdb, place), inForce, close };
	} catch (fault) {
		close();
		throw fault;
	} finally {
		signal.removeEventListener('abort', close);
	}
}

function createLook(ovsdb: Ovsdb, place: OpenVswitchPlace): Session['see'] {
	/** By port, where its rows were. */
	const known = new Map<string, PortRows>();
	const look = async (port: string): Promise<SeenPort> => {
		const last = known.get(port);
		const seen = last && (await seePort(ovsdb, port, last, place));
		if (seen) return seen;
		const rows = await findRows(ovsdb, port);
		known.set(port, rows);
		const first = await seePort(ovsdb, port, rows, place);
		if (first) return first;
		throw new BimetalError('SwitchChanged', `port ${port} was made anew while it was looked at`);
	};
	return async port => {
		const seen = await look(port);
		await ovsdb.takenOver(seen.configuration);
		return seen;
	};
}
