import type { Clock } from '../../common/clock.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import { coalesceReads } from '../forward/coalesce.ts';
import { createFairTurns, type FairTurns } from './fair-turns.ts';

export interface ShareBmcsOptions {
	/** Connections to one BMC at once. */
	readonly connections: number;
	/** Requests of one party that may wait for a connection to one BMC. */
	readonly queue: number;
	/** Milliseconds that one of them waits at most. */
	readonly longestWait: number;
	readonly parties: readonly string[];
	readonly clock: Pick<Clock, 'after'>;
	/** Told of each request that was turned away. */
	readonly onBusy: (bmc: string, party: string) => void;
	/** Identical reads of one party share an exchange, and so a connection. */
	readonly coalesce: boolean;
}

/** Stands for everybody who has not logged in. */
export const nobody = '';

/** A BMC's connections as one party may use them. Throws BmcBusy where that party has asked for too much at once. */
export type ShareBmc = (bmc: BmcConnection, party: string) => BmcConnection;

/**
 * Fair use of each BMC's few connections: whatever one party does, another one finds a connection, and a BMC that is
 * slow holds up nobody who asks another one.
 */
export function createShares(options: ShareBmcsOptions): ShareBmc {
	const turns = new WeakMap<BmcConnection, FairTurns>();
	const shares = new WeakMap<BmcConnection, Map<string, BmcConnection>>();
	const turnsOf = (bmc: BmcConnection): FairTurns => {
		const found = turns.get(bmc) ?? createFairTurns({ ...options, capacity: options.connections });
		turns.set(bmc, found);
		return found;
	};
	const open = (bmc: BmcConnection, party: string): BmcConnection => {
		const own = share(bmc, party, turnsOf(bmc), options);
		// Of one party: who shares an exchange waits for its turn, and nobody waits in another party's queue.
		return options.coalesce ? coalesceReads(own) : own;
	};
	return (bmc, party) => {
		const byParty = shares.get(bmc) ?? new Map<string, BmcConnection>();
		shares.set(bmc, byParty);
		const known = byParty.get(party) ?? open(bmc, party);
		byParty.set(party, known);
		return known;
	};
}

function share(
	bmc: BmcConnection,
	party: string,
	turns: FairTurns,
	{ onBusy }: Pick<ShareBmcsOptions, 'onBusy'>,
): BmcConnection {
	const { name } = bmc.target;
	const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
		const turn = turns.take(party);
		if (typeof turn === 'function') return work().finally(turn);
		return afterWaiting(turn, work);
	};
	const afterWaiting = async <R>(
		turn: Promise<(() => void) | undefined> | undefined,
		work: () => Promise<R>,
	): Promise<R> => {
		const release = await turn;
		if (!release) {
			onBusy(name, party);
			throw proxyErrors.BmcBusy(
				`${party || 'somebody'} has too many requests waiting for the BMC of ${name}`,
				{
					retryAfterSeconds: 1,
				},
			);
		}
		return work().finally(release);
	};
	return {
		...bmc,
		send: request => inTurn(() => bmc.send(request)),
		pass: (request, to, headers) => inTurn(() => bmc.pass(request, to, headers)),
		read: path => inTurn(() => bmc.read(path)),
	};
}
