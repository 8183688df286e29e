import type { SecurityScheme } from '../../common/http/describe-api.ts';
import type { Actor } from '../authorize/actor.ts';
import { hilErrors } from '../errors.ts';
import type { Authenticator, Credentials } from './authenticator.ts';

/** Who asks, by whichever back end the credentials are for. */
export interface Authentication {
	/** HIL's names of the active back ends. */
	readonly extensions: readonly string[];
	/** The value of WWW-Authenticate on a 401. */
	readonly challenge: string;
	/** How OpenAPI calls them. */
	readonly schemes: Readonly<Record<string, SecurityScheme>>;
	/** Throws AuthorizationError, ValidationError, TooBusyError or AuthenticatorAway: nobody is let in by any of them. */
	authenticate(credentials: Credentials): Promise<Actor>;
}

/**
 * Each request brings one kind of credential, whose back end decides. What one back end refuses, or cannot find out, no
 * other is asked about; and of two kinds that might disagree none is taken, so that nobody is whoever suits them.
 */
export function createAuthentication(backEnds: readonly Authenticator[]): Authentication {
	const ways = backEnds.map(({ asksFor }) => asksFor).join(', or with ');
	const challenges = backEnds.flatMap(({ challenge }) => challenge ?? []);
	return {
		extensions: backEnds.map(({ extension }) => extension),
		// A 401 must have one, RFC 9110 section 15.5.2; HTTP has no scheme for certificates.
		challenge: challenges.length > 0 ? challenges.join(', ') : 'Certificate realm="hil"',
		schemes: Object.fromEntries(backEnds.map(({ scheme }) => scheme)),
		async authenticate(credentials) {
			const [first, ...others] = backEnds.filter(backEnd => backEnd.isFor(credentials));
			if (!first) throw hilErrors.AuthorizationError(`Log in with ${ways}.`);
			if (others.length === 0) return first.authenticate(credentials);
			const kinds = [first, ...others].map(({ asksFor }) => asksFor).join(' and ');
			throw hilErrors.ValidationError(
				`More than one kind of credential was given (${kinds}): give one of them.`,
			);
		},
	};
}
