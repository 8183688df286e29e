import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { ReadTransaction, Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { partiesOf } from '../clearing/bids.ts';
import { tell } from '../event/events.ts';
import type { Fulfilment, Handover, Standing } from './fulfilment.ts';
import { type Lease, type LeasedServer, leases, mostLosses } from './lease.ts';
import { subleasesOf } from './sublease.ts';

export interface WatchDeps {
	readonly store: Store;
	readonly inspect: NonNullable<Fulfilment['inspect']>;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Something was written. */
	readonly onChange: () => void;
}

/** Milliseconds between two looks. */
const pace = 30_000;
const pageSize = 500;

/**
 * Looks whether projects still have what was leased to them, and records and tells when a server is cut off, or taken from its
 * project, during a lease; and when it is there again. What it costs is not touched: nobody can tell from outside whose doing it is.
 */
export function createWatch({ store, inspect, clock, logger, onChange }: WatchDeps): Woken {
	let isAway = false;

	async function look(): Promise<void> {
		const held = await allHeld(store);
		if (held.length === 0) return;
		const standings = await inspect(held);
		let isChanged = false;
		for (const { lease } of held) {
			const now = Math.floor(clock.now() / 1000);
			const before = await store.read(tx => tx.get(leases, lease));
			if (!before || changesOf(before, standings, now).length === 0) continue;
			isChanged = (await note(store, lease, standings, now)) || isChanged;
		}
		if (isChanged) onChange();
	}

	return createWoken(clock, async () => {
		try {
			await look();
			isAway = false;
		} catch (err) {
			if (!isAway) logger.warn({ err }, 'it cannot be seen whether leased servers are with their projects');
			isAway = true;
		}
		return pace;
	});
}

/** A lease has servers now, or is just getting or giving them. */
const isOut = ({ state }: Lease): boolean =>
	state === 'starting' || state === 'active' || state === 'ending' || state === 'failing';

/** What projects have by leases that are active, less what they have let on. */
async function allHeld(store: Store): Promise<Handover[]> {
	const active: Handover[] = [];
	const letOn = new Set<string>();
	const where = { index: 'open', equals: 'yes' };
	let after: string | undefined;
	for (;;) {
		const from = after;
		const page = await store.read(tx =>
			tx.list(leases, { where, limit: pageSize, ...(from !== undefined && { after: from }) }),
		);
		for (const { id, document } of page) {
			if (!isOut(document)) continue;
			const out = document.servers.filter(({ isBack }) => !isBack);
			for (const { under, server } of out) if (under !== undefined) letOn.add(`${under}/${server}`);
			const { state, project, attestation, start: since } = document;
			const servers = out.map(({ server }) => server);
			if (state === 'active') active.push({ lease: id, project, servers, since, attestation });
		}
		after = page.at(-1)?.id;
		if (page.length < pageSize) break;
	}
	return active
		.map(each => ({ ...each, servers: each.servers.filter(name => !letOn.has(`${each.lease}/${name}`)) }))
		.filter(({ servers }) => servers.length > 0);
}

type Loss = NonNullable<Lease['losses']>[number];
interface Change {
	readonly server: string;
	/** Undefined: it is there again. */
	readonly lost: Exclude<Standing, 'held'> | undefined;
}

const openLoss = ({ losses = [] }: Lease, name: string): Loss | undefined =>
	losses.find(({ server, until }) => server === name && until === null);

/** What is otherwise than it is on record. */
function changesOf(lease: Lease, standings: ReadonlyMap<string, Standing>, now: number): Change[] {
	if (lease.state !== 'active') return [];
	const isThere = ({ isBack, until }: LeasedServer): boolean => !isBack && until > now;
	return lease.servers.filter(isThere).flatMap(({ server }): Change[] => {
		const standing = standings.get(server);
		if (standing === undefined) return [];
		const open = openLoss(lease, server);
		if (standing === 'held') return open ? [{ server, lost: undefined }] : [];
		return open?.code === standing.code ? [] : [{ server, lost: standing }];
	});
}

/** Records it, if it is still so by the records, and tells those whom it concerns. */
const note = (
	store: Store,
	id: string,
	standings: ReadonlyMap<string, Standing>,
	now: number,
): Promise<boolean> =>
	store.transact(async tx => {
		const found = await tx.get(leases, id);
		if (!found) return false;
		const letOn = await letOnBy(tx, id);
		// What was let on meanwhile is with somebody else, as it should be.
		const changes = changesOf(found, standings, now).filter(({ server }) => !letOn.has(server));
		if (changes.length === 0) return false;
		let losses = found.losses ?? [];
		for (const { server, lost } of changes) {
			losses = losses.map(each =>
				each.server === server && each.until === null ? { ...each, until: now } : each,
			);
			if (lost) losses = [...losses, { server, at: now, until: null, ...lost }];
		}
		await tx.put(leases, id, { ...found, losses: losses.slice(-mostLosses) });
		const projects = partiesOf(found);
		const kinds = new Set(changes.map(({ lost }) => (lost ? 'lease.cut-off' : 'lease.restored')));
		for (const kind of kinds) await tell(tx, { kind, of: id, projects }, now);
		return true;
	});

async function letOnBy(tx: ReadTransaction, id: string): Promise<ReadonlySet<string>> {
	const below = (await subleasesOf(tx, id)).filter(({ document }) => isOut(document));
	const servers = below.flatMap(({ document }) => document.servers);
	return new Set(servers.filter(({ under, isBack }) => under === id && !isBack).map(({ server }) => server));
}
