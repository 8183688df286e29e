import type { RequestHandler } from 'express';
import type { Authenticator } from '../identity/asked-authenticator.ts';

export interface WhoAsksOptions<Actor> {
	readonly authenticator: Authenticator<Actor>;
	/** Who shows no credential; absent where that is refused. */
	readonly nobody?: Actor;
	/** What is thrown for a credential that is not known, and for none where it takes one. */
	readonly refusal: () => Error;
}

/** Finds out who asks before anything is done for him: `response.locals.actor`. */
export const whoAsks =
	<Actor>({ authenticator, nobody, refusal }: WhoAsksOptions<Actor>): RequestHandler =>
	async (request, response, next) => {
		const { authorization } = request.headers;
		const token = request.get('x-auth-token');
		const shows = authorization !== undefined || token !== undefined;
		const actor = shows ? await authenticator.authenticate({ authorization, token }) : nobody;
		if (actor === undefined) throw refusal();
		response.locals.actor = actor;
		next();
	};
