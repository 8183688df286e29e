// Over TLS as a site has it: who is trusted, and logging in by a client certificate.
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { systemClock as clock } from '../../common/clock.ts';
import {
	createAuthority,
	issueOperatorCertificate,
	issueServerCertificate,
} from '../../common/identity/site-ca.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { makeCrl } from '../../hil/authenticate/crl.fixture.ts';
import { openHil } from '../../hil/open-hil.ts';
import { readHilSite } from '../../hil/site.ts';
import { createTerminal } from '../test-terminal.ts';

test('a client certificate logs in; a server that is not trusted is told nothing', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-hil-tls-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const [site, issuer] = [
		await createAuthority({ name: 'Site', clock }),
		await createAuthority({ name: 'Clients', clock }),
	];
	const server = await issueServerCertificate({
		authority: site,
		names: ['hil'],
		addresses: ['127.0.0.1'],
		clock,
	});
	const alice = await issueOperatorCertificate({
		partyAuthority: issuer,
		operator: { name: 'alice', party: 'x' },
		clock,
	});
	const files = {
		'ca.pem': site.certificatePem,
		'tls.pem': server.certificatePem + site.certificatePem,
		'tls.key': server.keyPem,
		'clients.pem': issuer.certificatePem,
		'clients.crl': makeCrl(issuer, []),
		'alice.pem': alice.certificatePem,
		'alice.key': alice.keyPem,
		'root.password': 'correct horse\n',
		'hil.yaml': `store: { file: hil.db }
listen: { port: 0 }
tls: { certificate: tls.pem, key: tls.key, clientCa: clients.pem, clientCrl: clients.crl }
vlans: 100-102
admin: { username: root, password: root.password }
authenticate: { certificates: {} }
`,
	};
	for (const [name, text] of Object.entries(files))
		await writeFile(path.join(folder, name), text, { mode: 0o600 });
	const hil = await openHil(readHilSite(path.join(folder, 'hil.yaml')), { logger: silentLogger });
	t.teardown(() => hil.close());
	const run = (...argv: string[]) =>
		createTerminal({ cwd: folder, env: { BIMETAL_HOME: path.join(folder, 'home') } }).run('hil', ...argv);

	const password = ['--user', 'root', '--password-file', 'root.password'];
	const unknown = await run('login', hil.url, ...password);
	t.is(unknown.code, 2);
	t.regex(
		unknown.err,
		/is not trusted yet, and there is no terminal to ask\n {2}try: --ca FILE, or --trust [0-9A-F:]+/,
	);
	const { fingerprint256 } = new X509Certificate(site.certificatePem);
	const root = await run('login', hil.url, ...password, '--as', 'root', '--trust', fingerprint256);
	t.is(root.code, 0, root.err);
	t.is(
		(await run('user', 'create', 'alice', '--new-password-file', 'root.password', '--as', 'root')).code,
		0,
	);

	const byCertificate = ['--certificate', 'alice.pem', '--key', 'alice.key', '--ca', 'ca.pem'];
	const login = await run('login', hil.url, ...byCertificate, '--as', 'alice');
	t.is(login.code, 0, login.err);
	t.regex((await run('whoami', '--as', 'alice')).out, /^user +alice$/m);
	const kept = await readFile(path.join(folder, 'home', 'hil', 'alice.json'), 'utf8');
	t.false(kept.includes('PRIVATE KEY'));
	const untrusted = await run('whoami', '--url', hil.url, ...byCertificate.slice(0, 4));
	t.is(untrusted.code, 7);
	t.regex(untrusted.err, /is not trusted: .*\n {2}try: give the site CA's certificate with --ca FILE/);
	const stranger = await run('whoami', '--as', 'alice', '--certificate', 'tls.pem', '--key', 'tls.key');
	t.is(stranger.code, 5, stranger.err);
	t.regex(stranger.err, /try: another certificate, or another token/);
});
