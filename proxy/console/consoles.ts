import type { WebSocket } from 'ws';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import type { Answer } from '../answer/answer.ts';
import type { Approved, OpenApproved } from '../approve/open-approved.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Sessions } from '../authenticate/sessions.ts';
import type { Call } from '../call.ts';
import type { ActivePolicies, Consider } from '../decide/consider.ts';
import { proxyErrors } from '../errors.ts';
import type { Windows } from '../governance/windows.ts';
import type { Mediator } from '../mediator.ts';
import type { Operator } from '../operator.ts';
import { consoleKindOf } from '../policy/console-paths.ts';
import type { Admitted, Client } from './client.ts';
import { consentOf } from './consent.ts';
import { type ConsoleDocument, newConsoleId } from './console-document.ts';
import { createKeptConsoles } from './kept-consoles.ts';
import { closeCodes, closeSoon, type Ending, type LiveConsole, startLiveConsole } from './live-console.ts';
import type { ConsoleSettings } from './settings.ts';
import { createStillAllowed, type Guard } from './still-allowed.ts';
import { openTranscript, type Transcript } from './transcript.ts';
import { beginWatching, watchable } from './watch-console.ts';

export interface ConsolesDeps {
	readonly settings: ConsoleSettings;
	/** Folder of the transcripts. */
	readonly folder: string;
	readonly store: Store;
	readonly audit: AuditLog;
	readonly clock: Clock;
	readonly logger: Pick<Logger, 'error' | 'warn'>;
	readonly sessions: Pick<Sessions, 'get' | 'touch'>;
	readonly personOf: (operator: Operator) => string | undefined;
	readonly policies: () => ActivePolicies;
	readonly consider: Consider;
	readonly mediator: Pick<Mediator, 'open'>;
	readonly openApproved: OpenApproved;
	readonly windows: Pick<Windows, 'lasts'> | undefined;
	/**
	 * Milliseconds after which a session is looked at once more that could not be decided on again, since a source had
	 * nothing to say: as long as the sources' values may get old.
	 */
	readonly secondLookAfter: number;
	/** After a session has opened or ended. */
	readonly onChange: (console: ConsoleDocument) => void;
}

/** All console sessions of this proxy: each decided on, recorded, watched by those who agreed, ended for cause. */
export interface Consoles {
	/**
	 * Opens a console, or a look at one. Gives the answer where nothing was opened: a 202 when it waits. Throws when
	 * it is denied or cannot be opened.
	 */
	open(call: Call, client: Client): Promise<Answer | undefined>;
	/** What is decided on when somebody watches: the BMC is the session's. Throws NoSuchConsole. */
	bmcOf(id: string, viewer: Operator): Promise<string>;
	list(viewer: Operator, state?: ConsoleDocument['state']): Promise<SeenConsole[]>;
	get(id: string, viewer: Operator): Promise<SeenConsole>;
	/** Ends it at once. Throws NoSuchConsole, or ConsoleEnded. */
	end(id: string, by: Operator, reason: string): Promise<SeenConsole>;
	/** Policies or operators have changed: ends what would not be allowed now. */
	recheck(): Promise<void>;
	/** A Redfish session of an operator has ended, and with it what was opened in it. */
	sessionEnded(sessionId: string): void;
	/** After a start: what was open when the proxy died has ended. */
	recover(): Promise<number>;
	/** Ends all. */
	close(): Promise<void>;
}

export type SeenConsole = ConsoleDocument & { readonly watchers: number };

interface Session {
	document: ConsoleDocument;
	readonly sessionId: string | null;
	readonly guard: Guard;
	readonly live: LiveConsole;
	/** Resolves when its end is on the record. */
	readonly ended: Promise<void>;
}

/** Milliseconds between two looks for transcripts that are too old. */
const sweepEvery = 3_600_000;

export async function createConsoles(deps: ConsolesDeps): Promise<Consoles> {
	const { settings, clock } = deps;
	const kept = createKeptConsoles({ ...deps, transcriptAge: settings.transcriptAge });
	const stillAllowed = createStillAllowed(deps);
	const sessions = new Map<string, Session>();
	/** Those who look on. */
	const watching = new Set<Guard>();
	/** Consoles that are being opened, by BMC. */
	const opening = new Map<string, number>();
	let isClosed = false;

	const openAt = (bmc: string): number =>
		[...sessions.values()].filter(({ document }) => document.bmc === bmc).length + (opening.get(bmc) ?? 0);

	const reserve = (bmc: string): (() => void) => {
		if (openAt(bmc) >= settings.perBmc) {
			throw proxyErrors.ConsolesFull(
				`${settings.perBmc} consoles of ${bmc} are open; end one of them, or wait until one ends`,
			);
		}
		opening.set(bmc, (opening.get(bmc) ?? 0) + 1);
		return () => opening.set(bmc, (opening.get(bmc) ?? 1) - 1);
	};

	const beginTranscript = (document: ConsoleDocument): Promise<Transcript> | undefined => {
		if (!document.recorded) return undefined;
		const { id, kind, path, bmc, operator } = document;
		return openTranscript({
			file: kept.fileOf(id),
			limit: settings.transcriptLimit,
			clock,
			as: kind === 'serial' ? 'text' : 'base64',
			input: settings.transcripts[kind] === 'both',
			title: `${path} of ${bmc}, opened by ${operator.name} (${operator.party})`,
		});
	};

	/** Dials the BMC, puts the session on the record, and only then answers the client. */
	const start = async (
		call: Call,
		client: Client,
		admitted: Admitted,
		decidedBy: ActivePolicies,
	): Promise<void> => {
		const { bmc, operator, request } = call;
		const kind = consoleKindOf(request.segments);
		if (kind === undefined || kind === 'watch') throw new Error('only a console of a BMC is opened there');
		if (isClosed) throw proxyErrors.BmcUnreachable('the proxy is shutting down');
		if (client.isGone()) throw proxyErrors.ConsoleRefused('the client has gone');
		const found = deps.policies().classify(request);
		const operations = found.kind === 'known' ? found.operations : [];
		const approvers = admitted.authorizers.filter(({ name }) => name !== operator.name);
		const document: ConsoleDocument = {
			id: newConsoleId(clock.now()),
			state: 'open',
			bmc: bmc.target.name,
			path: request.path,
			kind,
			operator: { name: operator.name, party: operator.party },
			consent: consentOf(operator, admitted.verdict, admitted.authorizers, operations),
			approvedBy: approvers.map(({ name, party }) => ({ name, party })),
			operations: operations.map(({ name }) => name),
			clause: admitted.verdict.clause,
			requestId: admitted.requestId,
			breakGlass: admitted.verdict.breakGlass ?? null,
			openedAt: clock.now(),
			ended: null,
			bytesIn: 0,
			bytesOut: 0,
			recorded: settings.transcripts[kind] !== 'no',
			transcript: null,
		};
		const upstream = await bmc.openSocket(request.path);
		upstream.on('error', () => undefined);
		let transcript: Transcript | undefined;
		try {
			transcript = await beginTranscript(document);
			await kept.opened(document);
			if (client.isGone() || isClosed) throw proxyErrors.ConsoleRefused('the client has gone');
			const session = run(document, call, {
				client,
				upstream,
				transcript,
				authorizers: admitted.authorizers,
			});
			// Changed since it was decided on, and before it was there to be looked at again.
			if (deps.policies() !== decidedBy) void session.guard.recheck();
		} catch (fault) {
			closeSoon(upstream, closeCodes.normal, '', clock);
			const ended = { by: null, reason: 'it was not opened after all', at: clock.now() };
			await kept.ended({
				...document,
				state: 'ended',
				ended,
				transcript: (await transcript?.close()) ?? null,
			});
			throw fault;
		}
	};

	const run = (
		document: ConsoleDocument,
		call: Call,
		with_: {
			client: Client;
			upstream: WebSocket;
			transcript: Transcript | undefined;
			authorizers: readonly Operator[];
		},
	): Session => {
		const { client, upstream, transcript, authorizers } = with_;
		const { sessionId } = client;
		const { id, operations, breakGlass } = document;
		const decided = { call, authorizers, operations, breakGlass, sessionId };
		let resolveEnded: () => void = () => undefined;
		const ended = new Promise<void>(resolve => {
			resolveEnded = resolve;
		});
		const onEnd = async ({ by, reason }: Ending): Promise<void> => {
			session.guard.stop();
			const written = (await transcript?.close()) ?? null;
			const bytes = session.live.bytes();
			session.document = {
				...document,
				state: 'ended',
				ended: { by: by && { name: by.name, party: by.party }, reason, at: clock.now() },
				bytesIn: bytes.in,
				bytesOut: bytes.out,
				transcript: written,
			};
			await kept.ended(session.document);
			sessions.delete(id);
			deps.onChange(session.document);
			resolveEnded();
		};
		const live = startLiveConsole({
			operator: client.accept(),
			bmc: upstream,
			isSerial: document.kind === 'serial',
			transcript,
			clock,
			idleTimeout: settings.idleTimeout,
			lifetime: settings.lifetime,
			scrollback: settings.scrollback,
			findObstacle: () => stillAllowed.findObstacle(decided),
			findShutWindow: () => stillAllowed.findShutWindow(decided),
			onUse: () => sessionId !== null && deps.sessions.touch(sessionId),
			onEnd: ending => {
				onEnd(ending).catch(fault =>
					deps.logger.error({ err: fault, console: id }, 'a console did not end well'),
				);
			},
		});
		const guard = stillAllowed.guard(decided, reason => live.end({ by: null, reason, why: 'notAllowed' }));
		const session: Session = { document, sessionId, guard, live, ended };
		sessions.set(id, session);
		deps.onChange(document);
		return session;
	};

	const admitThen = async (
		call: Call,
		go: (admitted: Admitted) => Promise<void>,
	): Promise<Answer | undefined> => {
		const used = await deps.openApproved(call, async ({ request, verdict, authorizers }: Approved) => {
			await go({ verdict, authorizers, requestId: request.id });
			return true;
		});
		if (used) return undefined;
		const admission = await deps.mediator.open(call);
		if (admission.kind === 'wait') return admission.answer;
		const { verdict } = admission;
		try {
			await go({ verdict, authorizers: [call.operator], requestId: null });
		} catch (fault) {
			verdict.claim?.release();
			throw fault;
		}
		return undefined;
	};

	/** A session that this operator's party has agreed to, or its own operator's. */
	const mayLookAt = (document: ConsoleDocument, viewer: Operator): boolean =>
		document.consent.includes(viewer.party) || document.operator.name === viewer.name;
	const load = async (id: string, viewer: Operator): Promise<SeenConsole> => {
		const document = sessions.get(id)?.document ?? (await kept.get(id));
		if (!document || !mayLookAt(document, viewer))
			throw proxyErrors.NoSuchConsole(`there is no console session ${id}`);
		return see(document);
	};
	const see = (document: ConsoleDocument): SeenConsole => {
		const live = sessions.get(document.id)?.live;
		const bytes = live && document.state === 'open' ? live.bytes() : undefined;
		return {
			...document,
			...(bytes && { bytesIn: bytes.in, bytesOut: bytes.out }),
			watchers: live?.watchers() ?? 0,
		};
	};

	const watch = async (call: Call, client: Client, id: string): Promise<Answer | undefined> => {
		const document = await load(id, call.operator);
		const watched = (): LiveConsole => watchable(document, sessions.get(id)?.live);
		watched();
		return admitThen(call, admitted =>
			beginWatching({ ...deps, stillAllowed, watching }, { call, client, document, admitted, watched }),
		);
	};

	let cancelSweep: () => void = () => undefined;
	const sweep = async (): Promise<void> => {
		await kept
			.deleteOld()
			.catch(fault => deps.logger.error({ err: fault }, 'old transcripts could not be deleted'));
		if (!isClosed) cancelSweep = clock.after(sweepEvery, () => void sweep());
	};

	return {
		async open(call, client) {
			if (isClosed) throw proxyErrors.BmcUnreachable('the proxy is shutting down');
			if (consoleKindOf(call.request.segments) === 'watch')
				return watch(call, client, call.request.segments[3] ?? '');
			const release = reserve(call.bmc.target.name);
			const decidedBy = deps.policies();
			try {
				return await admitThen(call, admitted => start(call, client, admitted, decidedBy));
			} finally {
				release();
			}
		},
		bmcOf: async (id, viewer) => (await load(id, viewer)).bmc,
		async list(viewer, state) {
			return (await kept.list(state)).filter(document => mayLookAt(document, viewer)).map(see);
		},
		get: load,
		async end(id, by, reason) {
			await load(id, by);
			const session = sessions.get(id);
			if (!session || session.live.state().kind === 'ended')
				throw proxyErrors.ConsoleEnded(`console session ${id} has ended already`);
			session.live.end({ by, reason, why: 'endedByParty' });
			await session.ended;
			return load(id, by);
		},
		async recheck() {
			const guards = [...[...sessions.values()].map(({ guard }) => guard), ...watching];
			await Promise.all(guards.map(guard => guard.recheck()));
		},
		sessionEnded(sessionId) {
			for (const session of sessions.values()) {
				if (session.sessionId === sessionId)
					session.live.end({ by: null, reason: 'the log-in has ended', why: 'notAllowed' });
			}
		},
		async recover() {
			const lost = await kept.recover();
			await sweep();
			return lost;
		},
		async close() {
			isClosed = true;
			cancelSweep();
			const all = [...sessions.values()];
			for (const { live } of all)
				live.end({ by: null, reason: 'the proxy is shutting down', why: 'goingAway' });
			await Promise.all(all.map(({ ended }) => ended));
			kept.close();
		},
	};
}
