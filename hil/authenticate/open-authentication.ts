import { readFileSync } from 'node:fs';
import type { Clock } from '../../common/clock.ts';
import type { PeerSocket } from '../../common/identity/client-certificate.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { type Authentication, createAuthentication } from './authentication.ts';
import type { Authenticator } from './authenticator.ts';
import { createCertificateAuthenticator } from './certificates.ts';
import { createDatabaseAuthenticator } from './database.ts';
import type { KeystoneAccount } from './keystone/account.ts';
import { createKeystoneAuthenticator } from './keystone/keystone.ts';
import { createKeystoneClient } from './keystone/keystone-client.ts';
import { createTokens } from './keystone/tokens.ts';
import type { AuthenticateSettings } from './settings.ts';

interface Deps {
	readonly store: Store;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Whether a connection was made under the present list of revoked certificates. */
	isCurrent(socket: PeerSocket): boolean;
}

/** The back ends that a site names, with the files that it names for them. */
export function openAuthentication(
	settings: AuthenticateSettings,
	deps: Deps,
): Authentication & { close(): Promise<void> } {
	const backEnds: Authenticator[] = [];
	const opened: (() => Promise<void>)[] = [];
	if (settings.database) backEnds.push(createDatabaseAuthenticator(deps));
	if (settings.keystone) {
		const { url, ca, account, remember, timeout, ...rules } = settings.keystone;
		const client = createKeystoneClient({
			url,
			ca: ca && readFileSync(ca, 'utf8'),
			account: accountOf(account),
			timeout,
		});
		opened.push(client.close);
		const tokens = createTokens({ ...deps, client, remember });
		backEnds.push(createKeystoneAuthenticator({ ...deps, tokens, rules, url }));
	}
	if (settings.certificates) {
		const { name, users } = settings.certificates;
		const byName = users && new Map(Object.entries(users));
		backEnds.push(createCertificateAuthenticator({ ...deps, name, users: byName }));
	}
	return {
		...createAuthentication(backEnds),
		async close() {
			for (const end of opened) await end();
		},
	};
}

function accountOf(account: NonNullable<AuthenticateSettings['keystone']>['account']): KeystoneAccount {
	return 'secret' in account
		? { ...account, secret: secretOf(account.secret) }
		: { ...account, password: secretOf(account.password) };
}

const secretOf = (file: string): string => readFileSync(file, 'utf8').trim();
