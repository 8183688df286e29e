import { Agent, request } from 'undici';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { announcements } from '../core/maintenance.ts';

export interface AnnouncerDeps {
	readonly store: Store;
	/** Where the maintenance service takes `{"node": NAME}` by POST. */
	readonly url: string;
	readonly clock: Clock;
	readonly logger: Logger;
}

const retryAfter = 10_000;
const patience = 10_000;

/**
 * Tells the maintenance service of each node that has come into its pool, once or more, until it has heard. Woken when
 * one has.
 */
export function createAnnouncer({ store, url, clock, logger }: AnnouncerDeps): Woken {
	const agent = new Agent({
		headersTimeout: patience,
		bodyTimeout: patience,
		connect: { timeout: patience },
	});
	const end = new AbortController();

	const telling = createWoken(clock, async () => {
		try {
			for (const { id, document } of await store.read(tx => tx.list(announcements))) {
				await tell(document.node);
				await store.transact(tx => tx.delete(announcements, id));
			}
			return undefined;
		} catch (fault) {
			if (!end.signal.aborted)
				logger.warn({ err: fault, url }, 'the maintenance service could not be told; it is tried again');
			return retryAfter;
		}
	});

	async function tell(node: string): Promise<void> {
		const answer = await request(url, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ node }),
			dispatcher: agent,
			signal: end.signal,
		});
		await answer.body.dump();
		if (answer.statusCode >= 300) throw new Error(`the maintenance service answered ${answer.statusCode}`);
	}

	return {
		...telling,
		async close() {
			end.abort(new Error('the service ends'));
			await telling.close();
			await agent.destroy();
		},
	};
}
