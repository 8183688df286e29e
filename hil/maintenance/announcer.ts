import { Agent, request } from 'undici';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { announcements } from '../core/maintenance.ts';

export interface AnnouncerDeps {
	readonly store: Store;
	/** Where the maintenance service takes `{"node": NAME}` by POST. */
	readonly url: string;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** Tells the maintenance service of each node that has come into its pool, once or more, until it has heard. */
export interface Announcer {
	wake(): void;
	idle(): Promise<void>;
	close(): Promise<void>;
}

const retryAfter = 10_000;
const patience = 10_000;

export function createAnnouncer({ store, url, clock, logger }: AnnouncerDeps): Announcer {
	const agent = new Agent({
		headersTimeout: patience,
		bodyTimeout: patience,
		connect: { timeout: patience },
	});
	const end = new AbortController();
	let isWanted = false;
	let running: Promise<void> | undefined;
	let cancelTimer: () => void = () => undefined;

	function wake(): void {
		isWanted = true;
		if (running || end.signal.aborted) return;
		cancelTimer();
		running = run().finally(() => {
			running = undefined;
			if (isWanted) wake();
		});
	}

	async function run(): Promise<void> {
		isWanted = false;
		try {
			for (const { id, document } of await store.read(tx => tx.list(announcements))) {
				await tell(document.node);
				await store.transact(tx => tx.delete(announcements, id));
			}
		} catch (fault) {
			if (end.signal.aborted) return;
			logger.warn({ err: fault, url }, 'the maintenance service could not be told; it is tried again');
			cancelTimer = clock.after(retryAfter, wake);
		}
	}

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
		wake,
		async idle() {
			while (running) await running;
		},
		async close() {
			end.abort(new Error('the service ends'));
			cancelTimer();
			while (running) await running;
			await agent.destroy();
		},
	};
}
