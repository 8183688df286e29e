import { type KeyObject, sign } from 'node:crypto';
import { Agent, request } from 'undici';
import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import type { EventBus } from '../../common/events/bus.ts';
import { topicOf } from '../../common/events/topics.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { type Notice, notices, subscriptions } from '../model/notice.ts';

export interface NotifierDeps {
	readonly store: Store;
	/** Absent: nobody listens to a broker. */
	readonly bus: Pick<EventBus, 'publish'> | undefined;
	/** Ed25519: whoever is pushed to can see who says it. */
	readonly key: KeyObject;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
}

/** Milliseconds: for one push, and for which one is tried again and again. */
const [patience, keptFor] = [5000, 24 * 3_600_000];

/**
 * Tells the broker and subscribers of what concerns them until they have heard; each by itself, so that one that hangs keeps
 * nobody else waiting. Woken when there is one.
 */
export function createNotifier({ store, bus, key, clock, random, logger }: NotifierDeps): Woken {
	const agent = new Agent({
		headersTimeout: patience,
		bodyTimeout: patience,
		connect: { timeout: patience },
	});
	const end = new AbortController();
	const under = new Map<string, Promise<void>>();

	const looking = createWoken(clock, async () => {
		try {
			const all = await store.read(tx => tx.list(notices));
			const now = clock.now();
			for (const { id, document } of all)
				if (document.dueAt <= now && !under.has(id)) under.set(id, attempt(id, document));
			const later = all.filter(({ id }) => !under.has(id)).map(({ document }) => document.dueAt - now);
			return later.length > 0 ? Math.min(...later) : undefined;
		} catch (fault) {
			if (!end.signal.aborted) logger.error({ err: fault }, 'notices cannot be read; it is tried again');
			return patience;
		}
	});

	async function attempt(id: string, notice: Notice): Promise<void> {
		const { told, attempts } = notice;
		let fault: unknown;
		try {
			await tell(notice);
		} catch (thrown) {
			fault = thrown;
		}
		try {
			const now = clock.now();
			const isOver = fault === undefined || now - told.at > keptFor;
			const dueAt = now + backOff(attempts + 1, random);
			if (end.signal.aborted) return;
			if (isOver) await store.transact(tx => tx.delete(notices, id));
			else await store.transact(tx => tx.put(notices, id, { ...notice, dueAt, attempts: attempts + 1 }));
			if (fault !== undefined) logger.warn({ err: fault, notice: id, isOver }, 'a notice was not heard');
			under.delete(id);
			looking.wake();
		} catch (err) {
			logger.error({ err, notice: id }, 'a notice cannot be written; it is told again');
			clock.after(patience, () => looking.wake());
		} finally {
			under.delete(id);
		}
	}

	async function tell({ told, subscription }: Notice): Promise<void> {
		if (subscription === null) {
			await bus?.publish(topicFor(told), told);
			return;
		}
		const found = await store.read(tx => tx.get(subscriptions, subscription));
		if (!found) return;
		const body = JSON.stringify(told);
		const answer = await request(found.url, {
			method: 'POST',
			headers: {
				'content-type': 'application/json',
				'x-bimetal-signature': `ed25519=${sign(null, Buffer.from(body), key).toString('base64')}`,
			},
			body,
			dispatcher: agent,
			signal: end.signal,
		});
		await answer.body.dump();
		if (answer.statusCode >= 300) throw new Error(`the subscriber answered ${answer.statusCode}`);
	}

	const idle = async (): Promise<void> => {
		await looking.idle();
		while (under.size > 0) {
			await Promise.all(under.values());
			await looking.idle();
		}
	};
	return {
		wake: looking.wake,
		idle,
		async close() {
			end.abort(new Error('the service ends'));
			await looking.close();
			await Promise.all(under.values());
			await agent.destroy();
		},
	};
}

const topicFor = (told: Notice['told']): string =>
	told.kind === 'revoked'
		? topicOf('attest', 'revocations', told.admission)
		: topicOf('attest', 'passages', told.passage);
