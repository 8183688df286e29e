import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { AuthenticatorDeps } from '../../common/identity/asked-authenticator.ts';
import { createHilClient } from '../client.ts';

/** Who asks, by hil's word. */
interface HilActor {
	readonly name: string;
	readonly isAdmin: boolean;
	readonly projects: ReadonlySet<string>;
}

/** For services whose users are hil's: shows hil what a caller has shown them. Only hil sees it, and nothing else is asked with it. */
export const askHil =
	(
		hil: { readonly url: string; readonly ca: string | undefined },
		/** The service's own error: hil does not answer, so that nobody is known. */
		away: (message: string, options: { readonly cause: unknown }) => Error,
	): AuthenticatorDeps<HilActor>['ask'] =>
	async ({ authorization, token }) => {
		const shown = {
			...(authorization !== undefined && { authorization }),
			...(token !== undefined && { 'x-auth-token': token }),
		};
		const client = createHilClient({ ...hil, shown, timeout: 10_000 });
		try {
			const { name, is_admin: isAdmin, projects } = await client.me();
			return { name, isAdmin, projects: new Set(projects) };
		} catch (cause) {
			if (cause instanceof BimetalError && cause.status === 401) return undefined;
			const why = cause instanceof Error ? cause.message : String(cause);
			throw away(`hil cannot be asked who you are: ${why}`, { cause });
		} finally {
			await client.close();
		}
	};
