// A tenant that runs all of it by itself, by the site file of docs/airlock.md: of the provider there is hil, and nothing else.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { silentLogger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import { createVerifierClient } from '../client.ts';
import { openAttest } from '../open-attest.ts';
import { readAttestSite } from '../site.ts';
import { apply } from '../verifier/admissions.ts';
import { evidenceOf, refused } from './evidence.fixture.ts';

const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';

/** The site file of the page, at addresses of this machine. */
async function documentedSite(hil: string): Promise<string> {
	const page = await readFile(new URL('../../docs/airlock.md', import.meta.url), 'utf8');
	const [, text = ''] = /```yaml\n(# attest\.yaml of tenant red\n.*?)```/s.exec(page) ?? [];
	const changed = text
		.replace('host: 10.66.0.1, port: 5002', 'host: 127.0.0.1, port: 0')
		.replace('https://hil.provider.example:5000, ca: provider-ca.pem', `"${hil}"`);
	if (!changed.includes(hil) || !changed.includes('127.0.0.1'))
		throw new Error(`the page has changed: ${text}`);
	return changed;
}

test('a tenant brings nodes in with a service, an airlock and an account of its own, without the provider’s', async t => {
	const obm = createMemoryObm();
	const hil = await startHil(t, { obm });
	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	await hil.ok('PUT', '/v0/auth/basic/user/red-mover', { password: 'red-mover' });
	for (const project of ['red', 'red-airlock', 'red-rejected']) {
		await hil.ok('PUT', `/v0/project/${project}`);
		await hil.ok('POST', '/v0/auth/basic/user/red-mover/add_project', { project });
	}
	for (const owner of ['red', 'red-airlock'])
		await hil.ok('PUT', `/v0/network/${owner}`, { owner, access: owner, net_id: '' });
	for (const node of ['n1', 'n2']) {
		const port = `/v0/switch/tor/port/gi1/${node.slice(1)}`;
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri: `https://p/bmc/${node}`, admin_token: '' } });
		await hil.ok('PUT', `/v0/node/${node}/nic/eth0`, { macaddr: '02:00:00:00:00:01' });
		await hil.ok('PUT', port);
		await hil.ok('POST', `${port}/connect_nic`, { node, nic: 'eth0' });
	}

	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-tenant-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const write = (name: string, text: string) => writeFile(path.join(folder, name), text, { mode: 0o600 });
	const site = await createAuthority({ name: 'red', clock: systemClock });
	const served = { names: ['attest'], addresses: ['127.0.0.1'], clock: systemClock };
	const { certificatePem, keyPem } = await issueServerCertificate({ authority: site, ...served });
	await mkdir(path.join(folder, 'state'));
	await write('tls.pem', certificatePem);
	await write('tls.key', keyPem);
	await write('manufacturers.pem', site.certificatePem);
	await write('red-mover.password', 'red-mover\n');
	const account = { name: 'alice', admin: true, projects: ['red'], password: await hashPassword('alice') };
	await write('accounts.yaml', JSON.stringify({ accounts: [account] }));
	await write('attest.yaml', await documentedSite(hil.url));
	let store: Store | undefined;
	const running = await openAttest(readAttestSite(path.join(folder, 'attest.yaml')), {
		logger: silentLogger,
		through: engine => {
			store = engine;
			return engine;
		},
	});
	t.teardown(() => running.close());
	const verifier = createVerifierClient({
		...{ url: running.url, ca: site.certificatePem, credential: { username: 'alice', password: 'alice' } },
	});
	t.teardown(() => verifier.close());
	const pcrs = Object.fromEntries(Array.from({ length: 8 }, (_, pcr) => [pcr, 'ab'.repeat(32)]));
	await verifier.setPolicy('red', 'default', { version: 1, bank: 'sha256', pcrs });

	const bring = async (node: string, isGood: boolean) => {
		const { id } = await verifier.pass({ node, project: 'red', networks: [{ nic: 'eth0', network: 'red' }] });
		let judged = false;
		for (const end = Date.now() + 60_000; Date.now() < end; await pause(20)) {
			const now = await verifier.passage(id);
			const { stage, state, admission } = now;
			if (stage === 'evidence' && admission !== null && !judged) {
				judged = true;
				const event = evidenceOf(isGood ? undefined : refused);
				await store?.transact(tx => apply(tx, admission, event, Date.now()));
			}
			if (state === 'inside' || now.endedAt !== null) return now;
		}
		throw new Error(`it stays ${JSON.stringify(await verifier.passage(id))}`);
	};
	await hil.ok('PUT', '/v0/project/blue');
	await hil.ok('PUT', '/v0/network/blue', { owner: 'blue', access: 'blue', net_id: '' });
	await hil.ok('PUT', '/v0/node/n3', { obmd: { uri: 'https://p/bmc/n3', admin_token: '' } });
	await hil.ok('POST', '/v0/project/blue/connect_node', { node: 'n3' });
	await t.throwsAsync(verifier.pass({ node: 'n3', project: 'red', networks: [] }), { code: 'NotThere' });
	const foreign = [{ nic: 'eth0', network: 'blue' }];
	await t.throwsAsync(verifier.pass({ node: 'n1', project: 'red', networks: foreign }), {
		code: 'Forbidden',
	});
	t.like(await bring('n1', true), { state: 'inside', project: 'red' });
	const ports = hil.mocks.at('tor').ports;
	t.deepEqual(ports.get('gi1/1'), { native: 100, tagged: [] });
	t.like(await bring('n2', false), { state: 'rejected' });
	t.deepEqual(ports.get('gi1/2'), { native: null, tagged: [] });
	t.is(obm.at('https://p/bmc/n2').power, 'off');
	const node = async (name: string) =>
		(await hil.ok('GET', `/v0/node/${name}`)) as { project: string; metadata: object };
	t.like(await node('n2'), { project: 'red-rejected', metadata: {} });
	// hil's properties are its administrators'; the node is in all the same.
	t.like(await node('n1'), { project: 'red', metadata: {} });
});
