import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../common/clock.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Call } from '../call.ts';
import { proxyErrors } from '../errors.ts';
import { filterErrors } from '../filter/errors.ts';
import type { Mediator } from '../mediator.ts';
import type { Operator } from '../operator.ts';
import { type ClientStream, openClientStream, type StreamEnd } from './client-stream.ts';
import { eventErrors } from './errors.ts';
import type { View } from './event-message.ts';
import { gapView } from './event-message.ts';
import type { Hub } from './hub.ts';
import { compileSseFilter } from './sse-filter.ts';

export interface StreamLimits {
	/** Streams of one operator, over all BMCs, and of everybody. */
	readonly perOperator: number;
	readonly inAll: number;
	/** Milliseconds between two comments. */
	readonly keepAlive: number;
	/** Bytes that a slow reader may leave unread. */
	readonly buffer: number;
}

export interface StreamsDeps {
	readonly mediator: Pick<Mediator, 'decide'>;
	readonly hubOf: (call: Call) => Hub;
	readonly audit: Pick<AuditLog, 'append'>;
	readonly clock: Clock;
	readonly limits: StreamLimits;
	readonly countEnd: (why: StreamEnd) => void;
}

/** The client's side of a stream. */
export interface StreamClient {
	readonly response: ServerResponse;
	/** Asks again who it is, as of a request that came now. Throws, or rejects, when it is nobody any more. */
	readonly identify: () => Operator | Promise<Operator>;
	/** The number of the last event that it has seen, if it says so. */
	readonly lastEventId: string | undefined;
}

/** An event stream that is open. */
export interface OpenedStream {
	readonly id: string;
	readonly bmc: string;
	readonly operator: Operator;
	readonly openedAt: number;
	/** `$filter` as sent. */
	readonly filter: string | undefined;
	end(why: StreamEnd): void;
}

export interface Streams {
	/** Follows a BMC's events for a client, until one of them has enough. Throws a BimetalError before the first byte. */
	open(call: Call, client: StreamClient): Promise<void>;
	list(): readonly OpenedStream[];
	close(): void;
}

export function createStreams(deps: StreamsDeps): Streams {
	const { audit, clock, limits } = deps;
	const opened = new Map<string, OpenedStream>();
	/** Those that are being opened count as well. */
	const counts = new Map<string, number>();
	let inAll = 0;
	let isClosed = false;

	const enter = ({ name }: Operator): (() => void) => {
		const own = counts.get(name) ?? 0;
		if (own >= limits.perOperator)
			throw eventErrors.TooManyStreams(`${name} has ${own} event streams open, and may have no more`);
		if (inAll >= limits.inAll)
			throw eventErrors.TooManyStreams('the site has as many event streams as it may');
		counts.set(name, own + 1);
		inAll++;
		return () => {
			inAll--;
			const left = (counts.get(name) ?? 1) - 1;
			if (left > 0) counts.set(name, left);
			else counts.delete(name);
		};
	};

	const record = (
		call: Call,
		id: string,
		action: 'follow' | 'end',
		by: string | null,
		detail: string,
	): void => {
		const { name: bmc } = call.bmc.target;
		const { party } = call.operator;
		// A log that cannot be written has turned unhealthy: then no event is shown to anybody.
		audit
			.append({ kind: 'events', action, id, bmc, operator: by, party, detail })
			.durable.catch(() => undefined);
	};

	const follow = async (call: Call, client: StreamClient, release: () => void): Promise<void> => {
		const { operator, bmc, prefix } = call;
		const filter = call.request.query.find(([name]) => name === '$filter')?.[1];
		const compiled = filter === undefined ? undefined : compileSseFilter(filter);
		let stream: ClientStream | undefined;
		/** What comes before the head is out. */
		const early: View[] = [];
		let isRefused = false;
		const subscription = deps.hubOf(call).join(operator, {
			tell(view) {
				if (stream) stream.tell(view);
				else early.push(view);
			},
			refuse() {
				isRefused = true;
				stream?.end('denied');
			},
			check: () => stream?.check(),
		});
		try {
			await subscription.following;
			if (isRefused) throw proxyErrors.PolicyDenied('the policies do not let you follow events any more');
			if (isClosed) throw eventErrors.StreamEnded('the proxy is being stopped');
			if (client.response.destroyed) throw new Error('the client went away');
		} catch (fault) {
			subscription.leave();
			throw fault;
		}
		const id = randomBytes(8).toString('hex');
		stream = openClientStream({
			response: client.response,
			prefix,
			filter: compiled,
			stillIs() {
				const compare = (now: Operator): void => {
					if (now.name !== operator.name || now.party !== operator.party) throw new Error('somebody else');
				};
				const now = client.identify();
				return now instanceof Promise ? now.then(compare) : compare(now);
			},
			clock,
			keepAlive: limits.keepAlive,
			buffer: limits.buffer,
			onEnd(why) {
				subscription.leave();
				opened.delete(id);
				release();
				deps.countEnd(why);
				record(call, id, 'end', why === 'client' || why === 'deleted' ? operator.name : null, why);
			},
		});
		opened.set(id, {
			id,
			bmc: bmc.target.name,
			operator,
			openedAt: clock.now(),
			filter,
			end: why => stream?.end(why),
		});
		record(call, id, 'follow', operator.name, filter ?? '');
		// What it has missed is kept nowhere: what a party may see of it is decided as it happens.
		if (client.lastEventId !== undefined)
			stream.tell(gapView('0', { bmc: bmc.target.name, since: undefined, until: clock.now() }));
		for (const view of early) stream.tell(view);
	};

	return {
		async open(call, client) {
			const strange = call.request.query.find(([name]) => name !== '$filter');
			if (strange)
				throw filterErrors.QueryNotSupportedOnResource(
					`an event stream knows $filter only, not ${strange[0]}`,
				);
			const verdict = await deps.mediator.decide(call);
			if (verdict.kind === 'deny') throw proxyErrors.PolicyDenied(verdict.reason);
			const release = enter(call.operator);
			try {
				await follow(call, client, release);
			} catch (fault) {
				release();
				throw fault;
			}
		},
		list: () => [...opened.values()],
		close() {
			isClosed = true;
			for (const stream of [...opened.values()]) stream.end('shutdown');
		},
	};
}
