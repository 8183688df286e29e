import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../common/clock.ts';
import { closeAll } from '../common/close-all.ts';
import type { Logger } from '../common/log/logger.ts';
import { type Leadership, leadOne } from '../common/store/leadership.ts';
import type { Store } from '../common/store/store.ts';
import { notices } from './model/notice.ts';
import type { OpenAirlock } from './passage/open-airlock.ts';
import type { OpenVerifier } from './verifier/open-verifier.ts';

/** Milliseconds: nodes are judged a thousand times a second, and each time the store has news. */
const newsEvery = 200;

/**
 * What a verifier does by itself: ending admissions whose time is over, telling of revocations, forgetting, and moving nodes through the
 * airlock. All processes with one store answer nodes and people; one of them does this.
 */
export async function lead({
	store,
	verifier,
	airlock,
	clock,
	logger,
	registry,
}: {
	readonly store: Store;
	readonly verifier: OpenVerifier;
	readonly airlock: OpenAirlock | undefined;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry: Registry;
}): Promise<Leadership> {
	followOthers(store, verifier, clock);
	const leadership = await leadOne({
		store,
		role: 'verifier',
		logger,
		async lead(of) {
			const led = [verifier.lead(of.store), airlock?.lead(of)];
			return { close: () => closeAll(led.map(each => () => each?.close())) };
		},
	});
	new Gauge({
		name: 'bimetal_attest_leads',
		help: '1 in the process that ends admissions, tells of revocations and moves nodes, of all that share a database',
		registers: [registry],
		collect() {
			this.set(Number(leadership.isLeading()));
		},
	});
	return leadership;
}

/** A node that another process has revoked is told of by the one that leads, at once. */
function followOthers({ others, read }: Store, verifier: OpenVerifier, clock: Clock): void {
	others?.follow([notices], written => {
		if (written === 'unknown' || written.length > 0) verifier.onTold();
	});
	let isAwaited = false;
	others?.onNews(() => {
		if (isAwaited) return;
		isAwaited = true;
		clock.after(newsEvery, () => {
			isAwaited = false;
			// What comes of it is told before the read begins, or by the next call, if the database is away.
			read(async () => undefined).catch(() => undefined);
		});
	});
}
