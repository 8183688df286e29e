import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Call } from '../call.ts';
import type { ActivePolicies } from '../decide/consider.ts';
import { proxyErrors } from '../errors.ts';
import { durably } from '../record.ts';
import type { Admitted, Client } from './client.ts';
import type { ConsoleDocument } from './console-document.ts';
import { type ConsoleRecord, recordOf } from './console-record.ts';
import { closeCodes, closeSoon, type LiveConsole } from './live-console.ts';
import type { Guard, StillAllowed } from './still-allowed.ts';

export interface WatchDeps {
	readonly audit: AuditLog;
	readonly clock: Clock;
	readonly logger: Pick<Logger, 'error'>;
	readonly policies: () => ActivePolicies;
	readonly stillAllowed: StillAllowed;
	/** Who looks on is in it while they do. */
	readonly watching: Set<Guard>;
}

const mostWatchers = 16;
/** Milliseconds between two looks whether somebody who watches still may. */
const lookEvery = 5000;

/** The session, if it can be watched now; throws NotWatched or ConsolesFull. */
export function watchable({ id, kind }: ConsoleDocument, live: LiveConsole | undefined): LiveConsole {
	if (live?.state().kind !== 'open') throw proxyErrors.NotWatched(`console session ${id} has ended`);
	if (kind !== 'serial')
		throw proxyErrors.NotWatched(`${id} is a ${kind} console, which cannot be shown to others`);
	if (live.watchers() >= mostWatchers) throw proxyErrors.ConsolesFull(`${mostWatchers} watch ${id} already`);
	return live;
}

/** Puts it on the record that an operator looks on, and then lets it be so; the same when it is over. */
export async function beginWatching(
	deps: WatchDeps,
	what: {
		readonly call: Call;
		readonly client: Client;
		readonly document: ConsoleDocument;
		readonly admitted: Admitted;
		/** The session once more; throws when it has ended meanwhile. */
		readonly watched: () => LiveConsole;
	},
): Promise<void> {
	const { clock } = deps;
	const { client, document, admitted, watched } = what;
	const { operator } = what.call;
	const record = (action: 'watch' | 'unwatch', more: Partial<ConsoleRecord> = {}) =>
		deps.audit.append({
			...recordOf(document, 'open'),
			action,
			operator: operator.name,
			party: operator.party,
			requestId: admitted.requestId,
			clause: admitted.verdict.clause,
			approvedBy: admitted.authorizers
				.filter(({ name }) => name !== operator.name)
				.map(({ name, party }) => ({ operator: name, party })),
			...more,
		});
	await durably(record('watch'));
	const live = watched();
	if (client.isGone()) throw proxyErrors.NotWatched('the client has gone');
	const began = clock.now();
	const before = live.bytes().out;
	const socket = client.accept();
	const end = (reason: string): void => closeSoon(socket, closeCodes.notAllowed, reason, clock);
	const found = deps.policies().classify(what.call.request);
	const decided = {
		call: what.call,
		authorizers: admitted.authorizers,
		operations: found.kind === 'known' ? found.operations.map(({ name }) => name) : [],
		breakGlass: admitted.verdict.breakGlass ?? null,
		sessionId: client.sessionId,
	};
	const guard = deps.stillAllowed.guard(decided, end);
	let cancel: () => void = () => undefined;
	const look = (): void => {
		cancel = clock.after(lookEvery, look);
		const obstacle = deps.stillAllowed.findObstacle(decided);
		if (obstacle !== undefined) end(obstacle);
		deps.stillAllowed.findShutWindow(decided).then(
			shut => {
				if (shut !== undefined) end(shut);
			},
			() => end('it could not be learnt whether it may go on'),
		);
	};
	cancel = clock.after(lookEvery, look);
	deps.watching.add(guard);
	socket.once('close', () => {
		cancel();
		guard.stop();
		deps.watching.delete(guard);
		record('unwatch', { bytesOut: live.bytes().out - before, tookMs: clock.now() - began }).durable.catch(
			fault => deps.logger.error({ err: fault }, 'that an operator no longer watches is not on the record'),
		);
	});
	live.watch(socket);
}
