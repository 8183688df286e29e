// The service as `bimetal hil` runs it: its file, its listeners, what a second start finds.
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../common/log/logger.ts';
import { openHil } from './open-hil.ts';
import { readHilSite } from './site.ts';

async function siteFile(t: ExecutionContext, text: string): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'hil-site-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(join(folder, 'admin.password'), 'correct horse\n');
	await chmod(join(folder, 'admin.password'), 0o600);
	await writeFile(join(folder, 'hil.yaml'), text);
	return join(folder, 'hil.yaml');
}

const plain = `
store: { file: state/hil.db }
listen: { port: 0 }
vlans: 100-102, 200
admin: { username: root, password: admin.password }
`;
const authorization = `Basic ${Buffer.from('root:correct horse').toString('base64')}`;

test('it starts with an administrator, keeps what it was told, and takes up what was pending', async t => {
	const file = await siteFile(t, plain);
	const start = () => openHil(readHilSite(file), { logger: silentLogger });
	const call = async (url: string, method: string, path: string, body?: unknown) => {
		const answer = await fetch(`${url}${path}`, {
			method,
			headers: { authorization },
			...(body !== undefined && { body: JSON.stringify(body) }),
		});
		const text = await answer.text();
		if (answer.status > 299) throw new Error(`${method} ${path}: ${text}`);
		return text === '' ? undefined : JSON.parse(text);
	};
	const first = await start();
	t.teardown(() => first.close());
	const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';
	await call(first.url, 'PUT', '/v0/project/red');
	await call(first.url, 'PUT', '/v0/network/n', { owner: 'red', access: 'red', net_id: '' });
	await call(first.url, 'PUT', '/v0/switch/s', {
		type,
		hostname: 's',
		username: 'u',
		password: 'very-secret',
	});
	t.is((await fetch(`${first.url}/v0/projects`)).status, 401);
	for (const path of ['/healthz', '/readyz', '/metrics']) {
		const answer = await fetch(`${first.ops}${path}`);
		t.is(answer.status, 200);
		const text = await answer.text();
		if (path === '/metrics') t.regex(text, /bimetal_hil_actions_pending\{service="hil"\} 0/);
	}
	await first.close();
	const { key, store } = readHilSite(file);
	t.is((await stat(key)).mode & 0o777, 0o600);
	const { readFile } = await import('node:fs/promises');
	for (const text of ['very-secret', 'correct horse']) {
		t.false((await readFile(store.file)).includes(text), text);
	}

	const second = await start();
	t.teardown(() => second.close());
	t.deepEqual(await call(second.url, 'GET', '/v0/networks'), { n: { network_id: '100', projects: ['red'] } });
	const extensions = await call(second.url, 'GET', '/v0/active_extensions');
	const expected = ['hil.ext.auth.database', 'hil.ext.switches.mock', 'hil.ext.switches.ovs'];
	t.deepEqual(
		expected.filter(name => !(extensions as string[]).includes(name)),
		[],
	);
});

test('passwords never cross a network in the clear; misspelt keys and impossible VLANs are told', async t => {
	const fault = async (text: string) => {
		const file = await siteFile(t, text);
		return t.throws(() => readHilSite(file))?.message ?? '';
	};
	t.regex(
		await fault(plain.replace('port: 0', 'host: 0.0.0.0, port: 0')),
		/passwords would cross the network/,
	);
	t.regex(await fault(`${plain}maintainance: { project: x }\n`), /maintenance/);
	for (const every of ['sometimes', '0s'])
		t.regex(await fault(`${plain}driftChecks: { every: ${every} }\n`), /driftChecks/);
	t.regex(await fault(plain.replace('100-102, 200', '100-4095')), /no range of VLANs/);
	t.regex(await fault(plain.replace('100-102, 200', 'many')), /expected VLANs and ranges/);
	t.regex(
		await fault(`${plain}obm: [{ proxy: "http://p:1", username: u, password: admin.password }]\n`),
		/obm|url|URL/i,
	);
	t.regex(await fault(`${plain}detach: releases\n`), /nobody could switch them off/);
});

test('switches are looked at every quarter of an hour, or as the site says, or not at all', async t => {
	const read = async (text: string) => readHilSite(await siteFile(t, `${plain}${text}\n`)).driftChecks;
	t.deepEqual(await read(''), { every: 900_000, repair: false });
	t.deepEqual(await read('driftChecks: { every: 1h, repair: true }'), { every: 3_600_000, repair: true });
	t.deepEqual(await read('driftChecks: { every: off }'), { every: null, repair: false });
});

test('ways to log in are named whole or refused', async t => {
	const fault = async (text: string) => {
		const file = await siteFile(t, `${plain}authenticate: ${text}\n`);
		return t.throws(() => readHilSite(file))?.message ?? '';
	};
	const account = 'account: { user: hil, project: service, password: admin.password }';
	t.regex(await fault('{ database: false }'), /nobody could log in/);
	t.regex(
		await fault(`{ keystone: { url: "http://keystone.example/v3", ${account} } }`),
		/cross the network/,
	);
	t.regex(await fault(`{ keystone: { url: "https://keystone.example/v2.0", ${account} } }`), /HOST:PORT\/v3/);
	t.regex(
		await fault(`{ keystone: { url: "https://u:p@keystone.example/v3", ${account} } }`),
		/HOST:PORT\/v3/,
	);
	t.regex(await fault('{ keystone: { url: "https://keystone.example/v3" } }'), /account/);
	t.regex(
		await fault(`{ keystone: { url: "https://keystone.example/v3", ${account}, remember: 1h } }`),
		/not be taken for longer than 5m/,
	);
	t.regex(await fault('{ certificates: {} }'), /whose certificates\?/);
	t.regex(await fault('{ certificates: { name: dn } }'), /certificates/);
	const tls = 'tls: { certificate: hil.yaml, key: admin.password, clientCa: hil.yaml }';
	t.regex(await fault(`{}\n${tls}`), /no certificate is taken/);
	t.regex(await fault(`{}\n${tls.replace('clientCa', 'clientCrl')}`), /belongs to a clientCa/);
	const file = await siteFile(
		t,
		`${plain}authenticate: { keystone: { url: "http://127.0.0.1:1/v3/", ${account} } }\n`,
	);
	t.like(readHilSite(file).authenticate, {
		database: true,
		keystone: { url: 'http://127.0.0.1:1/v3', projects: 'id', roles: ['member'], remember: 60_000 },
	});
});
