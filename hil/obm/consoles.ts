import type { Store } from '../../common/store/store.ts';
import { type BegunObm, settleObm } from '../core/obm-actions.ts';
import { nodes } from '../model/node.ts';
import type { Obm, ObmOutcome } from './obm.ts';

/** A console for one reader; `end` is to be called when the reader has gone. */
export interface ReaderConsole {
	readonly kind: 'open';
	readonly output: AsyncIterable<Uint8Array>;
	end(): void;
}

/** The readers of consoles, one for each node: a new one ends the last. */
export interface Consoles {
	/** Opens what was begun, or says that another party must agree first: what was begun is then still open. */
	open(begun: BegunObm): Promise<ReaderConsole | Extract<ObmOutcome, { kind: 'waiting' }>>;
	/** The node's project may not look on any more. */
	end(node: string): void;
	/** Ends all readers, and those to come at once: the service ends. */
	close(): void;
}

export function createConsoles({ store, obm }: { readonly store: Store; readonly obm: Obm }): Consoles {
	const readers = new Map<string, AbortController>();
	let isClosed = false;
	return {
		async open({ node, uri, id }) {
			const own = new AbortController();
			const opened = await obm.openConsole(uri, own.signal).catch(async fault => {
				await store.transact(tx => settleObm(tx, id, 'ERROR'));
				throw fault;
			});
			if (opened.kind === 'waiting') return opened;
			readers.get(node)?.abort();
			readers.set(node, own);
			// Disabled meanwhile: whoever disabled it found no reader to end. The node itself could not leave.
			const isStill = await store.read(async tx => (await tx.get(nodes, node))?.obmEnabled === true);
			if (!isStill || isClosed) own.abort();
			await store.transact(tx => settleObm(tx, id, 'DONE'));
			const end = (): void => {
				own.abort();
				if (readers.get(node) === own) readers.delete(node);
			};
			return { kind: 'open', output: opened.output, end };
		},
		end: node => readers.get(node)?.abort(),
		close() {
			isClosed = true;
			for (const reader of readers.values()) reader.abort();
		},
	};
}
