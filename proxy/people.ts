import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store } from '../common/store/store.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { type Authentication, createAuthenticator } from './authenticate/authenticate.ts';
import { createBasicCheck } from './authenticate/basic.ts';
import { createCertificateCheck } from './authenticate/certificate.ts';
import { openIdleTimeouts } from './authenticate/idle-timeouts.ts';
import { openLockouts } from './authenticate/lockouts.ts';
import { createPasswordCheck } from './authenticate/password-check.ts';
import type { Roster } from './authenticate/roster.ts';
import { openSessions } from './authenticate/sessions.ts';
import type { Operator } from './operator.ts';
import type { Update } from './processes/message.ts';
import type { ProxyDeps } from './proxy-deps.ts';

export interface PeopleDeps {
	readonly store: Store;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly audit: AuditLog;
	/** The one in force. */
	readonly roster: () => Roster;
	readonly sessions: ProxyDeps['sessions'];
	/** Root certificates (PEM) by party. */
	readonly roots: readonly { readonly name: string; readonly rootPem: string }[];
	/** Tells the workers, where there are some; undefined where there are none. */
	readonly tell: ((update: Update) => Promise<void>) | undefined;
	readonly onSessionEnd: (id: string) => void;
}

/** What a request shows of who sends it. */
export interface Shown {
	readonly authorization: string | undefined;
	readonly authToken: string | undefined;
}

/** Who operators are: their sessions, passwords, lockouts and certificates. */
export async function openPeople(deps: PeopleDeps) {
	const { store, clock, logger, audit, roster, tell } = deps;
	const idleTimeouts = await openIdleTimeouts(store, deps.sessions.idleTimeout, async (party, milliseconds) =>
		tell?.({ what: 'idle-timeout', party, milliseconds }),
	);
	const sessions = await openSessions({
		store,
		clock,
		roster,
		idleTimeout: idleTimeouts.of,
		absoluteTimeout: deps.sessions.lifetime,
		...(deps.sessions.boundTo && { boundTo: deps.sessions.boundTo }),
		onElsewhere: ({ operator: { name: operator } }, { network: from }) => {
			audit.append({ kind: 'login', operator, outcome: 'SessionElsewhere', from });
			logger.warn({ operator, from }, 'a session was used from elsewhere than it was opened from');
		},
		onEnd: deps.onSessionEnd,
		onFault: fault => logger.error({ err: fault }, 'an ended session could not be erased'),
		follower: tell && {
			opened: session => void tell({ what: 'session-opened', session }),
			ended: id => tell({ what: 'session-ended', id }),
		},
	});
	const lockouts = await openLockouts({
		store,
		clock,
		roster,
		onLock(lock) {
			audit.append({ kind: 'lockout', action: 'lock', ...lock, by: null });
			logger.warn(lock, 'log-ins have to wait after wrong passwords');
		},
		onFault: fault => logger.error({ err: fault }, 'a lockout could not be kept over a restart'),
	});
	const checkPassword = createPasswordCheck({ lockouts, roster });
	const basicSecret = randomBytes(32);
	const authenticator = createAuthenticator({
		sessions,
		checkPassword,
		checkBasic: createBasicCheck({
			clock,
			roster,
			checkPassword,
			secret: basicSecret,
			onVerified: tell && (verified => void tell({ what: 'basic-verified', verified })),
		}),
		checkCertificate: createCertificateCheck({ clock, roster, parties: deps.roots }),
	});
	return {
		idleTimeouts,
		sessions,
		lockouts,
		authenticator,
		/** Under which verified Basic credentials are remembered, here and in the workers. */
		basicSecret,
		/** Who sends a request that shows this. */
		identify(
			{ authorization, authToken }: Shown,
			request: IncomingMessage,
		): Authentication | Promise<Authentication> {
			// Every listener of the proxy is TLS.
			const socket = request.socket as TLSSocket;
			return authenticator.authenticate({
				authorization,
				authToken,
				socket,
				remoteAddress: socket.remoteAddress,
			});
		},
		/** The roster's entry of an operator who still speaks for the party. */
		entryOf({ name, party }: Operator) {
			const entry = roster().find(name);
			return entry?.operator.party === party ? entry : undefined;
		},
	};
}
