import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import {
	alternativeNameOf,
	commonNameOf,
	isForClients,
	type PeerSocket,
	validityOf,
} from '../../common/identity/client-certificate.ts';
import type { Store } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import type { Authenticator } from './authenticator.ts';
import type { certificateNames } from './settings.ts';
import { actorOf, findUser } from './user.ts';

export interface CertificateDeps {
	readonly store: Store;
	readonly clock: Clock;
	/** By what of the certificate its user is known. */
	readonly name: (typeof certificateNames)[number];
	/** Users by these names; undefined: the name is the user's. */
	readonly users: ReadonlyMap<string, string> | undefined;
	/** Whether the connection was made under the present list of revoked certificates. */
	isCurrent(socket: PeerSocket): boolean;
}

/** What a connection's certificate says for as long as it lasts. */
type Shown =
	| { readonly kind: 'none' }
	| { readonly kind: 'wrong'; readonly why: string }
	| { readonly kind: 'right'; readonly name: string; readonly from: number; readonly to: number };

/**
 * Users of the database by the certificate that their TLS connection shows, whose chain OpenSSL has verified (RFC 5280,
 * with the site's authorities and its list of revoked ones). The user's record is read for each request: who is deleted
 * is out, whatever the certificate says.
 */
export function createCertificateAuthenticator(deps: CertificateDeps): Authenticator {
	const { store, clock, isCurrent, users } = deps;
	const read = nameReaders[deps.name];
	const known = new WeakMap<PeerSocket, Shown>();
	const shownBy = (socket: PeerSocket | undefined): Shown => {
		if (!socket) return { kind: 'none' };
		const shown = known.get(socket) ?? look(socket, read);
		known.set(socket, shown);
		return shown;
	};
	return {
		extension: 'hil.ext.auth.certificate',
		asksFor: 'a client certificate',
		scheme: ['certificate', { type: 'mutualTLS' }],
		isFor: ({ socket }) => shownBy(socket).kind !== 'none',
		async authenticate({ socket }) {
			const shown = shownBy(socket);
			if (!socket || shown.kind === 'none') throw refused('no certificate was shown');
			if (shown.kind === 'wrong') throw refused(shown.why);
			const now = clock.now();
			if (!(shown.from <= now && now <= shown.to)) throw refused('it does not hold now, but at another time');
			if (!isCurrent(socket)) {
				throw refused('the list of revoked certificates has changed since you connected: connect again');
			}
			const user = users ? users.get(shown.name) : shown.name;
			const found = user === undefined ? undefined : await findUser(store, user);
			if (!found) throw refused(`no user here is known by its name, '${shown.name}'`);
			return actorOf(found);
		},
	};
}

const refused = (why: string) => hilErrors.AuthorizationError(`The client certificate is not taken: ${why}.`);

type NameReader = { readonly read: (leaf: X509Certificate) => string | undefined; readonly what: string };

const nameReaders: Readonly<Record<CertificateDeps['name'], NameReader>> = {
	cn: { read: commonNameOf, what: 'common name (CN)' },
	email: { read: leaf => alternativeNameOf(leaf, 'email'), what: 'e-mail address (subjectAltName)' },
	uri: { read: leaf => alternativeNameOf(leaf, 'URI'), what: 'URI (subjectAltName)' },
};

function look(socket: PeerSocket, { read, what }: NameReader): Shown {
	const leaf = socket.getPeerX509Certificate?.();
	if (!leaf) return { kind: 'none' };
	if (socket.authorized !== true) return { kind: 'wrong', why: reasonOf(socket.authorizationError) };
	if (!isForClients(leaf)) {
		return { kind: 'wrong', why: 'it is not for clients (extendedKeyUsage clientAuth)' };
	}
	const name = read(leaf);
	if (name === undefined) return { kind: 'wrong', why: `it does not have one plain ${what}` };
	return { kind: 'right', name, ...validityOf(leaf) };
}

/** OpenSSL's reasons (x509_vfy.h) that there is a word for here. */
const reasons: Readonly<Record<string, string>> = {
	CERT_HAS_EXPIRED: 'it has expired',
	CERT_NOT_YET_VALID: 'it does not hold yet',
	CERT_REVOKED: 'it was revoked',
	INVALID_PURPOSE: 'it is not for clients (extendedKeyUsage clientAuth)',
	CRL_HAS_EXPIRED: "the site's list of revoked certificates is out of date: an administrator must renew it",
	UNABLE_TO_GET_CRL: 'the site has no list of what its issuer has revoked: an administrator must add it',
};

function reasonOf(fault: PeerSocket['authorizationError']): string {
	const code = fault instanceof Error ? ((fault as { code?: string }).code ?? fault.message) : (fault ?? '');
	const reason = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
	return reason ?? `nobody whom this site lets issue them issued it${code === '' ? '' : ` (${code})`}`;
}
