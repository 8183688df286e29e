import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import type { BootEvent, BootNetwork } from '../boot/boot-network.ts';
import { bootings, nicsOf } from '../model/booting.ts';
import { operations } from '../model/operation.ts';

export interface NoteConfiguredDeps {
	readonly store: Store;
	/** By hil's name of the network. */
	readonly networks: ReadonlyMap<string, BootNetwork>;
	readonly logger: Logger;
	readonly onChange: (operation: string) => void;
}

/**
 * Records when a node has fetched its configuration for the first time since it was booted, with the operation that has
 * booted it: which is over by then, as not every image asks for one. The returned function ends it.
 */
export function noteConfigured({ store, networks, logger, onChange }: NoteConfiguredDeps): () => void {
	async function note(network: string, { mac, at }: BootEvent): Promise<void> {
		const noted = await store.transact(async tx => {
			const found = await tx.list(bootings, { where: { index: 'mac', equals: mac } });
			const id =
				found.find(({ document }) => nicsOf(document).some(nic => nic.network === network && nic.mac === mac))
					?.document.operation ?? null;
			const operation = id === null ? undefined : await tx.get(operations, id);
			if (id === null || !operation || operation.configuredAt !== null) return undefined;
			await tx.put(operations, id, {
				...operation,
				configuredAt: at,
				revision: operation.revision + 1,
			});
			return id;
		});
		if (noted !== undefined) onChange(noted);
	}
	const ends = [...networks].map(([network, { onEvent }]) =>
		onEvent(event => {
			if (event.kind !== 'config') return;
			note(network, event).catch(fault =>
				logger.warn({ err: fault, mac: event.mac }, 'it could not be recorded that a node is configured'),
			);
		}),
	);
	return () => {
		for (const end of ends) end();
	};
}
