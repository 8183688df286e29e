import { z } from 'zod';

const text = z.string().min(1).max(1000);
const named = z.object({ id: text, name: text });
const moment = z.iso.datetime({ offset: true }).transform(value => Date.parse(value));

/** What Keystone says of its own answer to a log-in. */
export const issuedToken = z.object({ token: z.object({ expires_at: moment }) });

/** What Keystone says of a token: Identity API v3, `GET /v3/auth/tokens`. Only what decides is read. */
export const describedToken = z
	.object({
		token: z.object({
			expires_at: moment,
			user: z.object({ name: text, domain: z.object({ name: text }) }),
			/** None when the token is for no project. One without a domain is itself a domain. */
			project: z
				.object({ id: text, name: text, domain: z.object({ name: text.nullish() }).nullish() })
				.optional(),
			is_domain: z.boolean().nullish(),
			roles: z.array(named).default([]),
			is_admin_project: z.boolean().nullish(),
			/** What the token may be used for besides; hil has no such list to hold it against. */
			application_credential: z.object({ access_rules: z.array(z.unknown()).nullish() }).optional(),
			/** The certificate that alone may show it. */
			oauth2_credential: z.unknown().optional(),
		}),
	})
	.transform(({ token }): DescribedToken => {
		const { project, application_credential: credential } = token;
		const domain = project?.domain?.name;
		return {
			user: `${token.user.name}@${token.user.domain.name}`,
			expiresAt: token.expires_at,
			project:
				project && domain && !token.is_domain ? { id: project.id, name: project.name, domain } : undefined,
			roles: new Set(token.roles.map(({ name }) => name)),
			isAdminProject: token.is_admin_project === true,
			isBound: Boolean(credential?.access_rules) || token.oauth2_credential !== undefined,
		};
	});

/** A token that Keystone knows. */
export interface DescribedToken {
	/** `NAME@DOMAIN`. */
	readonly user: string;
	/** Milliseconds since the epoch. */
	readonly expiresAt: number;
	/** Undefined: for none, or for a whole domain or system. */
	readonly project:
		| { readonly id: string; readonly name: string /** Its name. */; readonly domain: string }
		| undefined;
	readonly roles: ReadonlySet<string>;
	/** Keystone's own word that the project is the one whose administrators are the cloud's. */
	readonly isAdminProject: boolean;
	/** To some calls or to a certificate: a use of it elsewhere would not be what was granted. */
	readonly isBound: boolean;
}
