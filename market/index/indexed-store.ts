import type { Collection, ReadTransaction, Store, Transaction } from '../../common/store/store.ts';
import { type Offer, offers } from '../calendar/offer.ts';
import { type Server, servers } from '../calendar/server.ts';
import { leasedSpans, type Span } from '../calendar/span.ts';
import { type Bid, bids } from '../clearing/bid.ts';
import { createMarketIndex, type MarketIndex } from './market-index.ts';

export interface IndexedStore {
	/** The same store: each write of a record that the index has is a change of the index in the same turn. */
	readonly store: Store;
	/** To be read inside of a transaction of that store: then it is what the records are. */
	readonly index: MarketIndex;
}

/**
 * Keeps an index in step with the records. Transactions come one after another, so the index is changed as they write; what
 * a transaction that fails has changed is put back at once. When the disk fails after the work was done, nobody knows what
 * is on it: then the index is made anew from the records before anybody looks at it again. What other processes have written
 * to the same store is entered before a transaction or a read begins that sees it, or read anew with all the rest when that is
 * not known.
 */
export async function indexStore(plain: Store): Promise<IndexedStore> {
	const index = createMarketIndex();
	let isStale = true;
	let loading: Promise<void> | undefined;
	let loads = 0;
	plain.others?.follow([servers, offers, bids, leasedSpans], written => {
		if (isStale || written === 'unknown') {
			isStale = true;
			return;
		}
		for (const { collection, id, document } of written) changeOf(collection, index, id)?.(document);
	});

	/** Reads run beside each other: the first one that needs it loads it for all. */
	async function upToDate(tx: ReadTransaction): Promise<void> {
		if (!isStale) return;
		loading ??= loadIndex(tx, index)
			.then(() => {
				isStale = false;
				loads++;
			})
			.finally(() => {
				loading = undefined;
			});
		await loading;
	}

	const store: Store = {
		...plain,
		read: work =>
			plain.read(async tx => {
				await upToDate(tx);
				return work(tx);
			}),
		async transact(work) {
			let isDone = false;
			let ranWith: number | undefined;
			try {
				return await plain.transact(async tx => {
					// Run again after a conflict: what it, and others with it, changed before is not what is on the disk.
					if (ranWith === loads) isStale = true;
					isDone = false;
					await upToDate(tx);
					ranWith = loads;
					const undo: (() => void)[] = [];
					try {
						const result = await work(followed(tx, index, undo));
						isDone = true;
						return result;
					} catch (fault) {
						for (const each of undo.reverse()) each();
						throw fault;
					}
				});
			} catch (fault) {
				if (isDone) isStale = true;
				throw fault;
			}
		},
	};
	await store.read(async () => undefined);
	return { store, index };
}

function followed(tx: Transaction, index: MarketIndex, undo: (() => void)[]): Transaction {
	const set = (collection: Collection<never>, id: string, document: unknown): void => {
		const change = changeOf(collection.name, index, id);
		if (!change) return;
		const before = change(document);
		undo.push(() => change(before));
	};
	return {
		get: (collection, id) => tx.get(collection, id),
		list: (collection, options) => tx.list(collection, options),
		count: (collection, where) => tx.count(collection, where),
		async put(collection, id, document) {
			await tx.put(collection, id, document);
			set(collection as never, id, document);
		},
		async insert(collection, id, document) {
			await tx.insert(collection, id, document);
			set(collection as never, id, document);
		},
		async delete(collection, id) {
			const wasThere = await tx.delete(collection, id);
			set(collection as never, id, undefined);
			return wasThere;
		},
	};
}

/** What changes the index for a record; undefined for those that it has nothing of. */
function changeOf(name: string, index: MarketIndex, id: string) {
	if (name === servers.name) return (to: unknown) => index.setServer(id, to as Server | undefined);
	if (name === offers.name) return (to: unknown) => index.setOffer(id, to as Offer | undefined);
	if (name === bids.name) return (to: unknown) => index.setBid(id, to as Bid | undefined);
	if (name !== leasedSpans.name) return undefined;
	// See span.ts and place.ts: no place has a slash.
	const [place = '', end = ''] = id.split('/');
	return (to: unknown) => index.setSpan(place, Number(end), to as Span | undefined);
}

async function loadIndex(tx: ReadTransaction, index: MarketIndex): Promise<void> {
	const open = { where: { index: 'open', equals: 'yes' } };
	const entries = <T>(found: readonly { id: string; document: T }[]) =>
		found.map(({ id, document }) => [id, document] as const);
	index.load({
		servers: entries(await tx.list(servers)),
		offers: entries(await tx.list(offers, open)),
		bids: entries(await tx.list(bids, open)),
		spans: (await tx.list(leasedSpans)).map(({ document }) => document),
	});
}
