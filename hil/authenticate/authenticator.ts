import type { SecurityScheme } from '../../common/http/describe-api.ts';
import type { PeerSocket } from '../../common/identity/client-certificate.ts';
import type { Actor } from '../authorize/actor.ts';

/** What a request brings to prove who asks. */
export interface Credentials {
	/** The Authorization header. */
	readonly authorization?: string | undefined;
	/** The X-Auth-Token header. */
	readonly authToken?: string | undefined;
	/** The request's socket, as it is: a TLS one may show a certificate. */
	readonly socket?: PeerSocket | undefined;
	readonly address?: string | undefined;
}

/** An authentication back end. */
export interface Authenticator {
	/** The name by which HIL's interface lists it among the extensions. */
	readonly extension: string;
	/** What to bring, in words: `a user name and a password`. */
	readonly asksFor: string;
	/** How OpenAPI calls it, under a name of ours. */
	readonly scheme: readonly [name: string, scheme: SecurityScheme];
	/** For WWW-Authenticate (RFC 9110 section 11.6.1), where HTTP has a scheme for it. */
	readonly challenge?: string;
	/** Whether the credentials hold something of its kind, right or wrong: then it alone decides. */
	isFor(credentials: Credentials): boolean;
	/** Throws AuthorizationError when it is not proven; TooBusyError or AuthenticatorAway when that was not found out. */
	authenticate(credentials: Credentials): Promise<Actor>;
}
