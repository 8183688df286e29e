// Answers that Keystone would not give. What it does give is in test/system/hil-keystone.test.ts.
import { createServer, type RequestListener } from 'node:http';
import { inspect } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { listen } from '../../../common/http/listen.ts';
import { createKeystoneClient } from './keystone-client.ts';

const account = { applicationCredential: 'hil', secret: 'very-secret' };

async function against(t: ExecutionContext, answer: RequestListener, timeout = 5000) {
	const listening = await listen(createServer(answer), { host: '127.0.0.1', port: 0 });
	const url = `http://127.0.0.1:${listening.port}/v3`;
	const client = createKeystoneClient({ url, ca: undefined, account, timeout });
	t.teardown(async () => {
		await client.close();
		await listening.close(0);
	});
	return client;
}

/** A token as Keystone describes it, but for what is given. */
const described = (token: object) =>
	JSON.stringify({
		token: {
			methods: ['password'],
			expires_at: '2030-01-01T00:00:00.000000Z',
			user: { id: 'u', name: 'alice', domain: { id: 'default', name: 'Default' } },
			project: { id: 'p', name: 'red', domain: { id: 'default', name: 'Default' } },
			is_domain: false,
			roles: [{ id: 'r', name: 'member' }],
			...token,
		},
	});

test('a token is asked about by headers alone, and read', async t => {
	const seen: unknown[] = [];
	const client = await against(t, (request, response) => {
		seen.push([
			request.method,
			request.url,
			request.headers['x-auth-token'],
			request.headers['x-subject-token'],
		]);
		response.end(described({}));
	});
	t.deepEqual(await client.describe('own', 'subject'), {
		user: 'alice@Default',
		expiresAt: Date.parse('2030-01-01'),
		project: { id: 'p', name: 'red', domain: 'Default' },
		roles: new Set(['member']),
		isAdminProject: false,
		isBound: false,
	});
	t.deepEqual(seen, [['GET', '/v3/auth/tokens?nocatalog=1', 'own', 'subject']]);
});

test('what a token is for is read from everything that narrows it', async t => {
	const cases: [token: object, shown: object][] = [
		[{ project: undefined }, { project: undefined }],
		[{ is_domain: true }, { project: undefined }],
		[{ project: { id: 'd', name: 'Other', domain: { id: null, name: null } } }, { project: undefined }],
		[{ roles: undefined }, { roles: new Set() }],
		[{ is_admin_project: true }, { isAdminProject: true }],
		[{ application_credential: { id: 'a', name: 'a', restricted: true } }, { isBound: false }],
		[{ application_credential: { access_rules: [{ service: 'compute' }] } }, { isBound: true }],
		[{ oauth2_credential: { 'x5t#S256': 'abc' } }, { isBound: true }],
	];
	let next: object = {};
	const client = await against(t, (_request, response) => void response.end(described(next)));
	for (const [token, shown] of cases) {
		next = token;
		t.like(await client.describe('own', 'subject'), shown, JSON.stringify(token));
	}
});

test('404 is no token; 401 and 403 are about hil itself', async t => {
	let status = 404;
	const client = await against(t, (_request, response) => void response.writeHead(status).end('{}'));
	t.is(await client.describe('own', 'subject'), undefined);
	for (status of [401, 403]) {
		await t.throwsAsync(client.describe('own', 'subject'), { name: 'Error', message: /own account/ });
	}
	for (status of [400, 401, 403, 404]) {
		const fault = await t.throwsAsync(client.logIn(), { message: /does not let hil's own account in/ });
		t.false(fault?.message.includes('secret'));
	}
	status = 201;
	await t.throwsAsync(
		client.logIn(),
		{ message: /answered a log-in 201/ },
		'without the token in its header',
	);
});

test('garbage, half a description, redirects, faults and endless answers describe nothing', async t => {
	const answers: Record<string, RequestListener> = {
		garbage: (_request, response) => void response.end('<html>'),
		empty: (_request, response) => void response.end('{}'),
		'without a user': (_request, response) => void response.end(described({ user: undefined })),
		'without an end': (_request, response) => void response.end(described({ expires_at: 'soon' })),
		'roles of another shape': (_request, response) => void response.end(described({ roles: ['admin'] })),
		fault: (_request, response) => void response.writeHead(500).end('{}'),
		redirect: (_request, response) => void response.writeHead(302, { location: '/v3' }).end(),
		huge: (_request, response) => void response.end(described({ more: 'x'.repeat(1100 * 1024) })),
		'cut off': request => void request.socket.destroy(),
	};
	for (const [name, answer] of Object.entries(answers)) {
		const client = await against(t, answer);
		const faults = [
			await t.throwsAsync(client.describe('own-secret', 'subject-secret'), undefined, name),
			await t.throwsAsync(client.logIn(), undefined, name),
		];
		t.false(inspect(faults, { depth: 20 }).includes('secret'), `${name}: no error tells a secret`);
	}
	const slow = await against(t, (_request, response) => void response.write('{'), 200);
	await t.throwsAsync(slow.describe('own', 'subject'), { message: /does not answer/ });
});
