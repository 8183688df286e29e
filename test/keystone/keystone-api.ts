import { Agent, request } from 'undici';
import { z } from 'zod';

/** Keystone's Identity API v3 as a site's administrator uses it: only what tests need. */
export interface KeystoneApi {
	/** The answer's body; throws on any other status than 2xx. */
	call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<unknown>;
	/** Makes a domain, project, user or role of this name; its id. */
	make(kind: 'domain' | 'project' | 'user' | 'role', of: object): Promise<string>;
	/** The id of what is there already. */
	find(kind: 'project' | 'user' | 'role', name: string): Promise<string>;
	grant(project: string, user: string, role: string): Promise<void>;
	takeRole(project: string, user: string, role: string): Promise<void>;
	/** A token; of a user (by id) with a password, for a project (by id), a domain, or nothing. */
	logIn(of: { user: string; password: string; scope?: object }): Promise<string>;
	logInBy(identity: object, scope?: object): Promise<string>;
	revoke(token: string): Promise<void>;
	/** Whether it is a token that counts. */
	isGood(token: string): Promise<boolean>;
	close(): Promise<void>;
}

const made = z.record(z.string(), z.looseObject({ id: z.string() }));
const found = z.record(z.string(), z.unknown());

export async function createKeystoneApi(of: {
	readonly url: string;
	readonly ca: string;
	readonly password: string;
}): Promise<KeystoneApi> {
	const agent = new Agent({ connect: { ca: of.ca } });
	async function send(method: string, path: string, headers: Record<string, string>, body?: object) {
		const answer = await request(`${of.url}${path}`, {
			method: method as 'GET',
			headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
			body: body ? JSON.stringify(body) : null,
			dispatcher: agent,
			signal: AbortSignal.timeout(30_000),
		});
		const text = await answer.body.text();
		if (answer.statusCode > 299) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
		return { text, subject: answer.headers['x-subject-token'] };
	}
	const logInBy: KeystoneApi['logInBy'] = async (identity, scope) => {
		const { subject } = await send(
			'POST',
			'/auth/tokens',
			{},
			{ auth: { identity, ...(scope && { scope }) } },
		);
		return z.string().parse(subject);
	};
	const admin = await logInBy(
		{
			methods: ['password'],
			password: { user: { name: 'admin', domain: { id: 'default' }, password: of.password } },
		},
		{ project: { name: 'admin', domain: { id: 'default' } } },
	);
	const call: KeystoneApi['call'] = async (method, path, body) => {
		const { text } = await send(method, path, { 'x-auth-token': admin }, body);
		return text === '' ? undefined : JSON.parse(text);
	};
	const assignment = (project: string, user: string, role: string): string =>
		`/projects/${project}/users/${user}/roles/${role}`;
	return {
		call,
		async make(kind, thing) {
			const id = made.parse(await call('POST', `/${kind}s`, { [kind]: thing }))[kind]?.id;
			return z.string().parse(id);
		},
		async find(kind, name) {
			const list = found.parse(await call('GET', `/${kind}s?name=${encodeURIComponent(name)}`))[`${kind}s`];
			return (
				z
					.array(z.looseObject({ id: z.string() }))
					.length(1)
					.parse(list)[0]?.id ?? ''
			);
		},
		async grant(project, user, role) {
			await call('PUT', assignment(project, user, role));
		},
		async takeRole(project, user, role) {
			await call('DELETE', assignment(project, user, role));
		},
		logIn: ({ user, password, scope }) =>
			logInBy({ methods: ['password'], password: { user: { id: user, password } } }, scope),
		logInBy,
		async revoke(token) {
			await send('DELETE', '/auth/tokens', { 'x-auth-token': admin, 'x-subject-token': token });
		},
		isGood: token =>
			send('GET', '/auth/tokens?nocatalog', { 'x-auth-token': admin, 'x-subject-token': token }).then(
				() => true,
				() => false,
			),
		close: () => agent.destroy(),
	};
}
