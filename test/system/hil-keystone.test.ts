// Who may use hil by Keystone's word: OpenStack's own Keystone, and its own clients.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../common/clock.ts';
import { createAuthority } from '../../common/identity/site-ca.ts';
import { silentLogger } from '../../common/log/logger.ts';
import type { KeystoneAccount } from '../../hil/authenticate/keystone/account.ts';
import { createKeystoneAuthenticator, type KeystoneRules } from '../../hil/authenticate/keystone/keystone.ts';
import { createKeystoneClient } from '../../hil/authenticate/keystone/keystone-client.ts';
import { createTokens } from '../../hil/authenticate/keystone/tokens.ts';
import { createHilClient } from '../../hil/client.ts';
import { type HilBench, startHil } from '../../hil/hil.fixture.ts';
import { openHil } from '../../hil/open-hil.ts';
import { readHilSite } from '../../hil/site.ts';
import { testNeeding } from '../debian/test-needing.ts';
import {
	type FurnishedKeystone,
	furnishKeystone,
	makeApplicationCredential,
} from '../keystone/furnish-keystone.ts';
import { type RealKeystone, startKeystone } from '../keystone/start-keystone.ts';
import { runProgram } from '../run-program.ts';
import { until } from '../visitor.ts';

const testKeystone = testNeeding('python3-keystone', 'python3-openstackclient');
const password = 'not the bootstrap one';
const remember = 60_000;

let keystone: RealKeystone;
let ids: FurnishedKeystone['ids'];
let account: KeystoneAccount;

/** Runs once, before the first test that needs it: where a part is missing, none does. */
let furnished: Promise<void> | undefined;
const furnish = (): Promise<void> => {
	furnished ??= startKeystone().then(async started => {
		keystone = started;
		({ ids, account } = await furnishKeystone(started.api, password));
	});
	return furnished;
};
test.after.always(async () => {
	await furnished?.catch(() => undefined);
	await keystone?.close();
});

const strict: KeystoneRules = {
	projects: 'id',
	roles: ['member'],
	administrators: { role: 'admin', in: 'admin project' },
};

/** hil with the database and Keystone. It has the project that is called by Keystone's id of red. */
async function withKeystone(
	t: ExecutionContext,
	{
		rules = strict,
		as = account,
		ca = keystone.ca,
	}: { rules?: KeystoneRules; as?: KeystoneAccount; ca?: string } = {},
) {
	const hil: HilBench = await startHil(t, {
		backEnds: ({ store, clock }) => {
			const client = createKeystoneClient({ url: keystone.url, ca, account: as, timeout: 60_000 });
			t.teardown(() => client.close());
			const tokens = createTokens({ client, clock, logger: silentLogger, remember });
			return [createKeystoneAuthenticator({ store, clock, tokens, rules, url: keystone.url })];
		},
	});
	await hil.ok('PUT', `/v0/project/${ids.red}`);
	const call = async (token: string, path: string, method = 'GET', body?: object) => {
		const answer = await fetch(`${hil.url}${path}`, {
			method,
			headers: { 'x-auth-token': token },
			...(body && { body: JSON.stringify(body) }),
		});
		const text = await answer.text();
		return {
			status: answer.status,
			body: text === '' ? undefined : JSON.parse(text),
			headers: answer.headers,
		};
	};
	return { hil, call };
}

const inProject = (id: string) => ({ project: { id } });
const logIn = (user: string, scope?: object) =>
	keystone.api.logIn({ user, password, ...(scope && { scope }) });

testKeystone('a member of a Keystone project is a member of the hil project of that id', async t => {
	t.timeout(300_000);
	await furnish();
	const { hil, call } = await withKeystone(t);
	const token = await logIn(ids.alice, inProject(ids.red));
	t.deepEqual((await call(token, '/v1/me')).body, {
		name: 'alice@Default',
		is_admin: false,
		projects: [ids.red],
	});
	await hil.ok('PUT', '/v0/node/n1', { obmd: { uri: 'https://p/bmc/n1', admin_token: '' } });
	t.is((await call(token, `/v0/project/${ids.red}/connect_node`, 'POST', { node: 'n1' })).status, 200);
	t.deepEqual((await call(token, `/v0/project/${ids.red}/nodes`)).body, ['n1']);
	t.is((await call(token, '/v0/projects')).status, 401, 'that takes an administrator');
	t.deepEqual(await hil.ok('GET', '/v0/active_extensions'), [
		'hil.ext.auth.database',
		'hil.ext.auth.keystone',
		'hil.ext.switches.mock',
	]);
	const client = createHilClient({ url: hil.url, token });
	t.teardown(() => client.close());
	t.deepEqual((await client.me()).projects, [ids.red]);
});

testKeystone('tokens for another project, for none, a domain or the system open nothing', async t => {
	await furnish();
	const { call } = await withKeystone(t);
	const { api, adminPassword } = keystone;
	const namesake = await call(await logIn(ids.alice, inProject(ids.otherRed)), '/v1/me');
	t.is(namesake.status, 401);
	t.regex(namesake.body.msg, /red \(\w+\) of domain Other is not known here/);
	const unscoped = await call(await logIn(ids.alice, { unscoped: {} }), '/v1/me');
	t.is(unscoped.status, 401);
	t.regex(unscoped.body.msg, /for no project/);
	t.regex(String(unscoped.headers.get('www-authenticate')), /^Basic .*, Keystone uri="https:/);
	const admin = await api.find('user', 'admin');
	const systemWide = await api.logIn({
		user: admin,
		password: adminPassword,
		scope: { system: { all: true } },
	});
	t.regex((await call(systemWide, '/v1/me')).body.msg, /for no project/);
	await api.call('PUT', `/domains/${ids.other}/users/${ids.alice}/roles/${ids.member}`);
	const ofDomain = await logIn(ids.alice, { domain: { id: ids.other } });
	t.regex((await call(ofDomain, '/v1/me')).body.msg, /for no project/);
	for (const none of ['', 'x', 'ä', `gAAAAA${'x'.repeat(200)}`, 'x'.repeat(5000)]) {
		t.is((await call(encodeURIComponent(none), '/v1/me')).status, 401, none.slice(0, 20));
	}
});

testKeystone("by names, only the one domain's projects count", async t => {
	await furnish();
	const { hil, call } = await withKeystone(t, { rules: { ...strict, projects: { domain: 'Default' } } });
	await hil.ok('PUT', '/v0/project/red');
	t.deepEqual((await call(await logIn(ids.alice, inProject(ids.red)), '/v1/me')).body.projects, ['red']);
	const namesake = await call(await logIn(ids.alice, inProject(ids.otherRed)), '/v1/me');
	t.is(namesake.status, 401);
	t.regex(namesake.body.msg, /a domain that has no projects here/);
});

testKeystone("administrators are those of the one project, not everybody's admin of something", async t => {
	await furnish();
	const { call } = await withKeystone(t);
	const { api, adminPassword } = keystone;
	const admin = await api.find('user', 'admin');
	const cloud = await api.find('project', 'admin');
	const token = await api.logIn({ user: admin, password: adminPassword, scope: inProject(cloud) });
	t.deepEqual((await call(token, '/v1/me')).body, { name: 'admin@Default', is_admin: true, projects: [] });
	t.is((await call(token, '/v0/projects')).status, 200);
	const carol = await logIn(ids.carol, inProject(ids.red));
	t.like((await call(carol, '/v1/me')).body, { is_admin: false, projects: [ids.red] });
	t.is((await call(carol, '/v0/projects')).status, 401);
	const { call: byPlace } = await withKeystone(t, {
		rules: { ...strict, administrators: { role: 'admin', in: { name: 'admin', domain: 'Other' } } },
	});
	t.is((await byPlace(token, '/v1/me')).status, 401, 'the project of that name in another domain');
	const { call: byId } = await withKeystone(t, {
		rules: { ...strict, administrators: { role: 'admin', in: { id: cloud } } },
	});
	t.true((await byId(token, '/v1/me')).body.is_admin);
	const { call: nobody } = await withKeystone(t, { rules: { projects: 'id', roles: ['member'] } });
	t.is((await nobody(token, '/v1/me')).status, 401);
});

testKeystone('what Keystone takes is gone when its word is no longer taken from memory', async t => {
	await furnish();
	const { api } = keystone;
	const { hil, call } = await withKeystone(t);
	const takings: Readonly<
		Record<string, (token: string, user: string, project: string) => Promise<unknown>>
	> = {
		token: token => api.revoke(token),
		role: (_token, user, project) => api.takeRole(project, user, ids.member),
		user: (_token, user) => api.call('PATCH', `/users/${user}`, { user: { enabled: false } }),
		project: (_token, _user, project) =>
			api.call('PATCH', `/projects/${project}`, { project: { enabled: false } }),
	};
	// Each has a user and a project of its own: Keystone takes a token for revoked that was issued in the second of a
	// revocation before it.
	for (const [what, take] of Object.entries(takings)) {
		const user = await api.make('user', { name: `user of ${what}`, password, domain_id: 'default' });
		const project = await api.make('project', { name: `project of ${what}`, domain_id: 'default' });
		await api.grant(project, user, ids.member);
		await hil.ok('PUT', `/v0/project/${project}`);
		const token = await logIn(user, inProject(project));
		t.is((await call(token, '/v1/me')).status, 200, what);
		await take(token, user, project);
		t.is((await call(token, '/v1/me')).status, 200, `${what}: remembered`);
		hil.clock.advance(remember);
		const refused = await call(token, '/v1/me');
		t.is(refused.status, 401, what);
		t.regex(refused.body.msg, /does not know this token/);
	}
	const token = await logIn(ids.alice, inProject(ids.red));
	t.is((await call(token, '/v1/me')).status, 200);
	await hil.ok('DELETE', `/v0/project/${ids.red}`);
	t.is((await call(token, '/v1/me')).status, 401, "hil's own projects are read for each call");
	await hil.ok('PUT', `/v0/project/${ids.red}`);
	t.is((await call(token, '/v1/me')).status, 200);
	// A token that is remembered is still not taken after its end.
	hil.clock.jump(Date.now() - hil.clock.now() + 2 * 3_600_000);
	t.is((await call(token, '/v1/me')).status, 401);
});

testKeystone(
	'a reader is no member; application credentials are, unless they are for some calls only',
	async t => {
		await furnish();
		const { api } = keystone;
		const { call } = await withKeystone(t);
		const erin = await api.make('user', { name: 'erin', password, domain_id: 'default' });
		await api.grant(ids.red, erin, await api.find('role', 'reader'));
		const reader = await call(await logIn(erin, inProject(ids.red)), '/v1/me');
		t.is(reader.status, 401);
		t.regex(reader.body.msg, /takes the role member/);

		const own = await logIn(ids.alice, inProject(ids.red));
		const make = async (name: string, rules?: object[]) => {
			const of = { name, ...(rules && { access_rules: rules }) };
			const id = await makeApplicationCredential(keystone, {
				token: own,
				user: ids.alice,
				secret: password,
				...of,
			});
			return api.logInBy({
				methods: ['application_credential'],
				application_credential: { id, secret: password },
			});
		};
		t.is((await call(await make('whole'), '/v1/me')).status, 200);
		const part = await make('part', [{ service: 'compute', method: 'GET', path: '/v2.1/servers' }]);
		t.is((await call(part, '/v1/me')).status, 401);
	},
);

testKeystone(
	"hil's own account: renewed, an application credential, wrong, or without the right to ask",
	async t => {
		await furnish();
		const { api } = keystone;
		const token = await logIn(ids.alice, inProject(ids.red));
		const { hil, call } = await withKeystone(t);
		t.is((await call(token, '/v1/me')).status, 200);
		// Every token of the account is revoked by this.
		await api.call('PATCH', `/users/${ids.hil}`, { user: { password: `${password}!` } });
		await api.call('PATCH', `/users/${ids.hil}`, { user: { password } });
		// Keystone takes what it issues within this second for revoked as well.
		const service = { project: { name: 'service', domain: { id: 'default' } } };
		const asHil = () => api.logIn({ user: ids.hil, password, scope: service });
		await until(async () => api.isGood(await asHil()), Boolean);
		hil.clock.advance(remember);
		t.is((await call(token, '/v1/me')).status, 200, 'hil has logged in anew');

		const applicationCredential = await makeApplicationCredential(keystone, {
			token: await asHil(),
			user: ids.hil,
			secret: password,
			name: 'hil',
		});
		const byCredential = await withKeystone(t, { as: { applicationCredential, secret: password } });
		t.is((await byCredential.call(token, '/v1/me')).status, 200);

		const wrong = await withKeystone(t, { as: { ...account, password: 'wrong' } });
		const refused = await wrong.call(token, '/v1/me');
		t.is(refused.status, 503);
		t.is(refused.body.type, 'AuthenticatorAway');
		t.regex(refused.body.msg, /see to its account/);
		t.is((await wrong.hil.call('GET', '/v1/me')).status, 200, 'the database goes on');
		const frank = await api.make('user', { name: 'frank', password, domain_id: 'default' });
		await api.grant(ids.red, frank, ids.member);
		const none = await withKeystone(t, {
			as: { user: 'frank', domain: 'Default', project: 'red', projectDomain: 'Default', password },
		});
		t.is((await none.call(token, '/v1/me')).status, 503);
	},
);

testKeystone('a Keystone with a certificate of somebody else is not believed', async t => {
	await furnish();
	const stranger = await createAuthority({ name: 'Keystone', clock: systemClock });
	const { call } = await withKeystone(t, { ca: stranger.certificatePem });
	const refused = await call(await logIn(ids.alice, inProject(ids.red)), '/v1/me');
	t.is(refused.status, 503);
	t.is(refused.body.type, 'AuthenticatorAway');
});

testKeystone("hil.yaml names it all; OpenStack's own clients get in", async t => {
	await furnish();
	const folder = await mkdtemp(join(tmpdir(), 'hil-keystone-'));
	t.teardown(() => rm(folder, { recursive: true }));
	for (const [name, text] of [
		['keystone.password', password],
		['root.password', 'correct horse'],
	] as const) {
		await writeFile(join(folder, name), `${text}\n`);
		await chmod(join(folder, name), 0o600);
	}
	await writeFile(
		join(folder, 'hil.yaml'),
		`store: { file: state/hil.db }
listen: { port: 0 }
vlans: 100-102
admin: { username: root, password: root.password }
authenticate:
  keystone:
    url: ${keystone.url}/
    ca: ${keystone.caFile}
    account: { user: hil, project: service, password: keystone.password }
    projects: { domain: Default }
    timeout: 60s
    administrators: { in: { name: admin } }
`,
	);
	const hil = await openHil(readHilSite(join(folder, 'hil.yaml')), { logger: silentLogger });
	t.teardown(() => hil.close());
	const admin = createHilClient({ url: hil.url, username: 'root', password: 'correct horse' });
	t.teardown(() => admin.close());
	t.true((await admin.me()).is_admin);
	const environment = {
		OS_AUTH_URL: keystone.url,
		OS_USERNAME: 'alice',
		OS_PASSWORD: password,
		OS_PROJECT_NAME: 'red',
	};
	const basic = `Basic ${Buffer.from('root:correct horse').toString('base64')}`;
	await fetch(`${hil.url}/v0/project/red`, { method: 'PUT', headers: { authorization: basic } });
	const order = {
		environment,
		ca: keystone.caFile,
		calls: [
			['PUT', `${hil.url}/v0/network/inner`, JSON.stringify({ owner: 'red', access: 'red', net_id: '' })],
			['GET', `${hil.url}/v0/project/red/networks`, null],
			['GET', `${hil.url}/v0/projects`, null],
			['DELETE', `${hil.url}/v0/network/inner`, null],
		],
	};
	const client = fileURLToPath(new URL('../keystone/hil-client.py', import.meta.url));
	const called = await runProgram('/usr/bin/python3', [client], { input: JSON.stringify(order) });
	t.is(called.code, 0, called.stderr);
	const seen = JSON.parse(called.stdout) as [number, string][];
	t.deepEqual(
		seen.map(([status]) => status),
		[200, 200, 401, 200],
	);
	t.is(seen[1]?.[1], '["inner"]');

	const issued = await runProgram('/usr/bin/openstack', ['token', 'issue', '-f', 'value', '-c', 'id'], {
		env: {
			...environment,
			OS_CACERT: keystone.caFile,
			OS_IDENTITY_API_VERSION: '3',
			OS_USER_DOMAIN_ID: 'default',
			OS_PROJECT_DOMAIN_ID: 'default',
		},
	});
	t.is(issued.code, 0, issued.stderr);
	const withToken = createHilClient({ url: hil.url, token: async () => issued.stdout.trim() });
	t.teardown(() => withToken.close());
	t.deepEqual(await withToken.me(), { name: 'alice@Default', is_admin: false, projects: ['red'] });
});

testKeystone('a Keystone that is gone lets nobody in beyond what it said last', async t => {
	await furnish();
	const { hil, call } = await withKeystone(t);
	const token = await logIn(ids.alice, inProject(ids.red));
	const other = await logIn(ids.carol, inProject(ids.red));
	t.is((await call(token, '/v1/me')).status, 200);
	await keystone.kill();
	t.is((await call(token, '/v1/me')).status, 200, 'for a minute');
	const unknown = await call(other, '/v1/me');
	t.like(unknown, { status: 503, body: { type: 'AuthenticatorAway' } });
	t.truthy(unknown.headers.get('retry-after'));
	hil.clock.advance(remember);
	t.is((await call(token, '/v1/me')).status, 503);
	t.is((await hil.call('GET', '/v1/me')).status, 200, 'the database goes on');
});
