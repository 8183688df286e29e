import type { Actor } from '../authorize/actor.ts';

/** What a request brings to prove who asks. */
export interface Credentials {
	/** The Authorization header. */
	readonly authorization: string | undefined;
	readonly address: string | undefined;
}

/** An authentication back end. */
export interface Authenticator {
	/** The name by which HIL's interface lists it among the extensions. */
	readonly extension: string;
	/** Undefined: not proven. Throws TooBusyError when it did not look. */
	authenticate(credentials: Credentials): Promise<Actor | undefined>;
}
