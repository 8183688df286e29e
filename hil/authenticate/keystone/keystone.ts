import type { Clock } from '../../../common/clock.ts';
import type { Store } from '../../../common/store/store.ts';
import type { Actor } from '../../authorize/actor.ts';
import { hilErrors } from '../../errors.ts';
import { reference } from '../../model/label.ts';
import { projects } from '../../model/project.ts';
import type { Authenticator } from '../authenticator.ts';
import type { DescribedToken } from './token.ts';
import type { Tokens } from './tokens.ts';

/** What Keystone's words come to here. */
export interface KeystoneRules {
	/** By what a hil project is called: Keystone's id of it, as in HIL, or its name in the one domain that counts. */
	readonly projects: 'id' | { readonly domain: string };
	/** Who has one of these in the project is a member of it. */
	readonly roles: readonly string[];
	/** Who is an administrator: a role in one project, which alone says so. Nobody when absent. */
	readonly administrators?:
		| {
				readonly role: string;
				readonly in:
					| 'admin project'
					| { readonly id: string }
					| { readonly name: string; readonly domain: string };
		  }
		| undefined;
}

export interface KeystoneDeps {
	readonly store: Store;
	readonly clock: Clock;
	readonly tokens: Tokens;
	readonly rules: KeystoneRules;
	/** Where tokens are had, for those who have none: Keystone's URL. */
	readonly url: string;
}

/** Printable, without blanks, and no longer than a header of a token in use (a Fernet one has some 200 characters). */
const tokenPattern = /^[\x21-\x7e]{1,4096}$/;

/**
 * Keystone's tokens (Identity API v3), scoped to a project, which is then the one that the actor is a member of. A
 * project that hil does not have is not made by this. Names of actors end in `@DOMAIN`, which no user's of the database can.
 */
export function createKeystoneAuthenticator(deps: KeystoneDeps): Authenticator {
	const { store, clock, tokens, rules, url } = deps;

	async function isRecorded(label: string): Promise<boolean> {
		if (!reference.safeParse(label).success) return false;
		return (await store.read(tx => tx.get(projects, label))) !== undefined;
	}

	return {
		extension: 'hil.ext.auth.keystone',
		asksFor: 'a Keystone token (X-Auth-Token)',
		scheme: ['keystone', { type: 'apiKey', in: 'header', name: 'X-Auth-Token' }],
		challenge: `Keystone uri="${url}"`,
		isFor: ({ authToken }) => authToken !== undefined,
		async authenticate({ authToken = '' }): Promise<Actor> {
			const token = tokenPattern.test(authToken) ? await tokens.describe(authToken) : undefined;
			if (!token || token.expiresAt <= clock.now()) {
				throw refused('Keystone does not know this token, or no longer: get a new one.');
			}
			if (token.isBound) {
				throw refused(
					'This token is for some calls, or for the holder of a certificate, only: hil takes it from nobody.',
				);
			}
			const { user, project, roles } = token;
			if (!project) throw refused('This token is for no project: get one that is scoped to your project.');
			const label = labelOf(project, rules);
			const isAdmin = isAdministrator(token, rules);
			const isMember = rules.roles.some(role => roles.has(role));
			const own = label !== undefined && isMember && (await isRecorded(label)) ? [label] : [];
			if (isAdmin || own.length > 0) return { name: user, isAdmin, projects: new Set(own) };
			const named = `Keystone's project ${project.name} (${project.id}) of domain ${project.domain}`;
			if (label === undefined) throw refused(`${named} is of a domain that has no projects here.`);
			if (!isMember) throw refused(`In ${named} it takes the role ${rules.roles.join(' or ')} to use hil.`);
			throw refused(`${named} is not known here: an administrator can create a project '${label}'.`);
		},
	};
}

const refused = (why: string) => hilErrors.AuthorizationError(why);

type Project = NonNullable<DescribedToken['project']>;

function labelOf({ id, name, domain }: Project, { projects: by }: KeystoneRules): string | undefined {
	if (by === 'id') return id;
	// Another domain can have a project of the same name.
	return domain === by.domain ? name : undefined;
}

/** HIL asked for the role alone; but who owns a domain, or any project, can have that there. */
function isAdministrator(
	{ roles, project, isAdminProject }: DescribedToken,
	{ administrators }: KeystoneRules,
): boolean {
	if (!administrators || !project || !roles.has(administrators.role)) return false;
	const { in: place } = administrators;
	if (place === 'admin project') return isAdminProject;
	if ('id' in place) return project.id === place.id;
	return project.name === place.name && project.domain === place.domain;
}
