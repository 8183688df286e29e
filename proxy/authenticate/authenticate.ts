import type { PeerSocket } from '../../common/identity/client-certificate.ts';
import type { Operator } from '../operator.ts';
import type { BasicCheck } from './basic.ts';
import type { CertificateVerdict } from './certificate.ts';
import type { PasswordCheck, PasswordVerdict } from './password-check.ts';
import type { Origin, Sessions } from './sessions.ts';
import { networkOf } from './throttle.ts';

/** Who asks. Expected outcomes, refusals included, are values; only a broken store throws. */
export type Authentication =
	| {
			readonly kind: 'operator';
			readonly operator: Operator;
			readonly how: 'certificate' | 'session' | 'basic';
			readonly sessionId?: string;
	  }
	/** No credential at all: good for the few resources that Redfish serves before log-in, otherwise 401. */
	| { readonly kind: 'anonymous' }
	| Refused;

export interface Refused {
	readonly kind: 'refused';
	readonly code:
		| 'CredentialsAmbiguous'
		| 'CredentialsWrong'
		| 'SessionUnknown'
		| 'CertificateWrong'
		| 'Throttled'
		| 'Busy';
	/** For the client; says nothing about which operators exist. */
	readonly reason: string;
	readonly status: 400 | 401 | 429 | 503;
	/** For Retry-After. */
	readonly retryAfterSeconds?: number;
}

export interface Credentials {
	readonly authorization: string | undefined;
	readonly authToken: string | undefined;
	/** The request's socket, as it is. */
	readonly socket: PeerSocket;
	readonly remoteAddress: string | undefined;
}

export type LogIn =
	| { readonly kind: 'session'; readonly id: string; readonly token: string; readonly operator: Operator }
	| Refused;

export interface Authenticator {
	/** At once for a session, a certificate and a Basic header seen lately; a promise only while a password is checked. */
	authenticate(credentials: Credentials): Authentication | Promise<Authentication>;
	/** A new Redfish session for a name and password. */
	logIn(name: string, password: string, from: Pick<Credentials, 'socket' | 'remoteAddress'>): Promise<LogIn>;
}

export interface AuthenticatorDeps {
	readonly sessions: Pick<Sessions, 'use' | 'open'>;
	readonly checkBasic: BasicCheck;
	readonly checkPassword: PasswordCheck;
	readonly checkCertificate: (socket: PeerSocket) => CertificateVerdict;
}

/**
 * Exactly one credential per request, since two that disagree would let a client be whoever suits it: a client
 * certificate, X-Auth-Token, or Authorization: Basic. Cookies are no credential (no request of a web page can
 * then act in its reader's name), nor are the Token and Bearer schemes. A session opened over a connection that has
 * shown a certificate is the one exception: it is used with that certificate, of the same operator, only.
 */
export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
	const { sessions, checkBasic, checkPassword, checkCertificate } = deps;
	return {
		authenticate({ authorization, authToken, socket, remoteAddress }) {
			const certificate = checkCertificate(socket);
			if (authToken !== undefined) {
				if (authorization !== undefined || certificate.kind === 'wrong') return ambiguous;
				const session = sessions.use(authToken, originOf(certificate, remoteAddress));
				if (session === undefined) return certificate.kind === 'none' ? sessionUnknown : ambiguous;
				if (certificate.kind === 'right') {
					const isSame =
						session.origin.certificate === certificate.fingerprint &&
						session.operator.name === certificate.entry.operator.name;
					if (!isSame) return ambiguous;
				}
				return { kind: 'operator', operator: session.operator, how: 'session', sessionId: session.id };
			}
			if (authorization !== undefined) {
				if (certificate.kind !== 'none') return ambiguous;
				const verdict = checkBasic(authorization, remoteAddress);
				return verdict instanceof Promise ? verdict.then(fromPassword) : fromPassword(verdict);
			}
			return fromCertificate(certificate);
		},
		async logIn(name, password, { socket, remoteAddress }) {
			const certificate = checkCertificate(socket);
			if (certificate.kind === 'wrong')
				return { kind: 'refused', code: 'CertificateWrong', reason: certificate.reason, status: 401 };
			// Somebody else's certificate would make every use of the session ambiguous.
			if (certificate.kind === 'right' && certificate.entry.operator.name !== name) return ambiguous;
			const verdict = await checkPassword(name, password, remoteAddress);
			if (verdict.kind !== 'right') return refuse(verdict);
			const { session, token } = await sessions.open(verdict.entry, originOf(certificate, remoteAddress));
			return { kind: 'session', id: session.id, token, operator: session.operator };
		},
	};
}

function originOf(certificate: CertificateVerdict, remoteAddress: string | undefined): Origin {
	const fingerprint = certificate.kind === 'right' ? certificate.fingerprint : null;
	return { network: networkOf(remoteAddress), certificate: fingerprint };
}

const ambiguous: Refused = Object.freeze({
	kind: 'refused',
	code: 'CredentialsAmbiguous',
	reason: 'More than one kind of credential was given',
	status: 400,
});
const sessionUnknown: Refused = Object.freeze({
	kind: 'refused',
	code: 'SessionUnknown',
	reason: 'The session has ended, never was, or was opened from another address: log in again',
	status: 401,
});
const anonymous: Authentication = Object.freeze({ kind: 'anonymous' });

function fromCertificate(verdict: CertificateVerdict): Authentication {
	switch (verdict.kind) {
		case 'none':
			return anonymous;
		case 'right':
			return { kind: 'operator', operator: verdict.entry.operator, how: 'certificate' };
		case 'wrong':
			return { kind: 'refused', code: 'CertificateWrong', reason: verdict.reason, status: 401 };
	}
}

function fromPassword(verdict: PasswordVerdict): Authentication {
	if (verdict.kind !== 'right') return refuse(verdict);
	return { kind: 'operator', operator: verdict.entry.operator, how: 'basic' };
}

function refuse(verdict: Exclude<PasswordVerdict, { kind: 'right' }>): Refused {
	switch (verdict.kind) {
		case 'wrong':
			return {
				kind: 'refused',
				code: 'CredentialsWrong',
				reason: 'The name or password is wrong',
				status: 401,
			};
		case 'throttled': {
			const retryAfterSeconds = Math.ceil(verdict.retryAfter / 1000);
			const reason = 'Too many wrong passwords; wait before the next attempt';
			return { kind: 'refused', code: 'Throttled', reason, status: 429, retryAfterSeconds };
		}
		case 'busy':
			return {
				kind: 'refused',
				code: 'Busy',
				reason: 'Too many log-ins at once',
				status: 503,
				retryAfterSeconds: 1,
			};
	}
}
