// Whichever way somebody has come, the same is decided: every action of the golden matrix, by the actors of each back end.
import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { FakeClock, systemClock } from '../../common/clock.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { createAuthority, issueOperatorCertificate } from '../../common/identity/site-ca.ts';
import type { Store } from '../../common/store/store.ts';
import type { Authenticator, Credentials } from '../authenticate/authenticator.ts';
import { createCertificateAuthenticator } from '../authenticate/certificates.ts';
import { createDatabaseAuthenticator } from '../authenticate/database.ts';
import { createKeystoneAuthenticator } from '../authenticate/keystone/keystone.ts';
import type { DescribedToken } from '../authenticate/keystone/token.ts';
import { addToProject, createUser } from '../core/users.ts';
import type { Actor } from './actor.ts';
import { actors, decisions, furnished } from './matrix.fixture.ts';

const clock = new FakeClock(Date.now());
const people = [
	{ name: 'boss', isAdmin: true, projects: [] },
	{ name: 'rita', isAdmin: false, projects: ['red'] },
	{ name: 'berta', isAdmin: false, projects: ['blue'] },
];
const alike = (isAdmin: boolean, ...projects: readonly string[]): Actor => {
	const found = actors.find(
		each => each.isAdmin === isAdmin && [...each.projects].join() === projects.join(),
	);
	if (!found) throw new Error(`the matrix has no actor of ${projects.join() || 'no project'}`);
	return found;
};

async function asUsers(store: Store): Promise<void> {
	const hash = await hashPassword('right');
	await store.transact(async tx => {
		for (const { name, isAdmin, projects } of people) {
			await createUser(tx, { user: name, hash, is_admin: isAdmin });
			for (const project of projects) await addToProject(tx, { user: name, project });
		}
	});
}

const byToken: Readonly<Record<string, Partial<DescribedToken>>> = {
	boss: { project: { id: 'c', name: 'cloud', domain: 'Default' }, roles: new Set(['admin', 'member']) },
	rita: { project: { id: 'r', name: 'red', domain: 'Default' }, roles: new Set(['member']) },
	berta: { project: { id: 'b', name: 'blue', domain: 'Default' }, roles: new Set(['admin', 'member']) },
};

type BackEnd = (
	store: Store,
) => Promise<{ readonly backEnd: Authenticator; credentials(name: string): Promise<Credentials> }>;

const backEnds: Readonly<Record<string, BackEnd>> = {
	async database(store) {
		await asUsers(store);
		return {
			backEnd: createDatabaseAuthenticator({ store, clock }),
			credentials: async name => ({ authorization: `Basic ${btoa(`${name}:right`)}` }),
		};
	},
	async keystone(store) {
		const tokens = {
			describe: async (name: string): Promise<DescribedToken> => ({
				user: `${name}@Default`,
				expiresAt: Number.MAX_SAFE_INTEGER,
				isAdminProject: false,
				isBound: false,
				project: undefined,
				roles: new Set(),
				...byToken[name],
			}),
		};
		const rules = {
			projects: { domain: 'Default' },
			roles: ['member'],
			administrators: { role: 'admin', in: { name: 'cloud', domain: 'Default' } },
		};
		return {
			backEnd: createKeystoneAuthenticator({ store, clock, tokens, rules, url: 'https://k/v3' }),
			credentials: async name => ({ authToken: name }),
		};
	},
	async certificates(store) {
		await asUsers(store);
		const partyAuthority = await createAuthority({ name: 'Clients', clock: systemClock });
		return {
			backEnd: createCertificateAuthenticator({
				store,
				clock,
				name: 'cn',
				users: undefined,
				isCurrent: () => true,
			}),
			async credentials(name) {
				const operator = { name, party: 'x' };
				const issued = await issueOperatorCertificate({ partyAuthority, operator, clock: systemClock });
				const certificate = new X509Certificate(issued.certificatePem);
				return { socket: { authorized: true, getPeerX509Certificate: () => certificate } };
			},
		};
	},
};

for (const [name, open] of Object.entries(backEnds)) {
	test(`${name}: its actors may do what the matrix says`, async t => {
		const furniture = await furnished();
		const { backEnd, credentials } = await open(furniture.bench.store);
		const came: Actor[] = [];
		for (const person of people) {
			const brought = await credentials(person.name);
			t.true(backEnd.isFor(brought));
			came.push(await backEnd.authenticate(brought));
		}
		const expected = people.map(({ isAdmin, projects }) => alike(isAdmin, ...projects));
		t.deepEqual(await decisions(furniture, came), await decisions(furniture, expected));
	});
}
