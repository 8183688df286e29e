import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse } from 'yaml';
import type { AttestBench } from '../../attest/attest.fixture.ts';
import { startNode } from '../../attest/node.fixture.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { createTerminal } from '../test-terminal.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');

async function terminalOf(t: ExecutionContext, { url }: AttestBench) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-attest-cli-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	for (const name of ['alice', 'root'])
		await writeFile(path.join(folder, `${name}.password`), `${name}\n`, { mode: 0o600 });
	const env = { BIMETAL_ATTEST_URL: url, BIMETAL_HOME: folder };
	return {
		folder,
		as(user: string) {
			const own = { BIMETAL_ATTEST_USER: user, BIMETAL_ATTEST_PASSWORD_FILE: `${user}.password` };
			return createTerminal({ cwd: folder, env: { ...env, ...own } });
		},
	};
}

test('a policy is learnt from a boot, admits that boot, and its evidence is verified offline', async t => {
	const { node, bench } = await startNode(t);
	const { folder, as } = await terminalOf(t, bench);
	const run = (...argv: string[]) => as('alice').run('attest', ...argv);
	await node.register();

	// The agent asks until there is something to do.
	const agent = async () => {
		for (let tries = 0; tries < 5000; tries++) {
			const answer = await node.round();
			if (answer.status === 200) return answer.body;
			await new Promise(resolve => setTimeout(resolve, 20));
		}
		throw new Error('nobody asked for this node');
	};
	const [learnt, shown] = await Promise.all([run('learn', 'n1', '--out', 'n1.yaml'), agent()]);
	t.is(learnt.code, 0, learnt.err);
	t.like(shown, { state: 'learnt' });
	t.regex(learnt.err, /\/opt\/tools\/open was open for writing/);
	const file = path.join(folder, 'n1.yaml');
	const policy = parse(await readFile(file, 'utf8')) as { boot: object; ima: object };
	t.like(policy, { version: 1, boot: { secureBoot: 'off' } });

	await writeFile(file, 'version: 1\nunchecked: {}\n');
	const empty = await run('set-policy', 'default', 'n1.yaml');
	t.is(empty.code, 9);
	t.regex(empty.err, /says nothing of PCR 0, 1, 2/);
	const wider = {
		...policy,
		ima: { ...policy.ima, exclude: ['/opt/tools/open'], toleratesViolations: true },
	};
	await writeFile(file, JSON.stringify(wider));
	t.regex(
		(await run('set-policy', 'default', 'n1.yaml')).out,
		/^Policy default of project red is [0-9a-f]{64}\.\n/,
	);

	const asked = JSON.parse((await run('admit', 'n1', '--json')).out) as { id: string };
	t.regex((await run('list')).out, /n1 +red +waiting +default/);
	t.like((await node.round()).body, { state: 'attested' });
	t.regex((await run('show', asked.id)).out, /state +attested\n.*attested for +30 s/s);
	for (let count = 0; count < 2; count++) await node.run();
	t.like((await node.round()).body, { state: 'revoked' });
	t.regex((await run('show', asked.id)).out, /why +FileNotAllowed: .*entry 21 of the IMA list/);
	const watched = await run('watch', asked.id);
	t.is(watched.code, 10);
	t.regex(watched.out, /^no longer attested: FileNotAllowed: /);
	t.regex((await run('list')).out, /^No admissions/);
	t.is((await run('withdraw', asked.id, 'late')).code, 8);
	t.regex((await run('list', '--all')).out, /n1 +red +revoked +default +FileNotAllowed/);

	t.regex((await run('evidence', asked.id, '--out', 'e')).out, /^2 rounds are in .*\/e;/);
	const { body } = await bench.call('GET', '/verifier/v1/key');
	await writeFile(path.join(folder, 'verifier.pub'), String(body.key));
	const root = String(node.tpm.authority.root) + String(node.tpm.authority.issuer);
	await writeFile(path.join(folder, 'roots.pem'), root);
	const offline = () =>
		createTerminal({ cwd: folder }).run(
			'attest',
			'verify',
			'e',
			'--key',
			'verifier.pub',
			'--roots',
			'roots.pem',
		);
	const verified = await offline();
	t.is(verified.code, 0, verified.err);
	t.regex(verified.out, /0 +\S+ +accepted +accepted\n1 +\S+ +FileNotAllowed +FileNotAllowed/);
	t.regex(verified.out, /signed by +the key given\nendorsement key +.*swtpm-localca-rootca/);
	const text = await readFile(path.join(folder, 'e'), 'utf8');
	await writeFile(path.join(folder, 'e'), text.replace('"number":0', '"number":2'));
	const changed = await offline();
	t.is(changed.code, 8);
	t.regex(changed.err, /not as it was signed/);
});

test('nodes are enrolled by certificate or fingerprint, by administrators', async t => {
	const { node, bench } = await startNode(t);
	const { folder, as } = await terminalOf(t, bench);
	const root = (...argv: string[]) => as('root').run('attest', ...argv);
	const padded = Buffer.concat([await node.tpm.ekCertificate('ecc'), Buffer.alloc(40, 0xff)]);
	await writeFile(path.join(folder, 'ek.der'), padded);
	const known = /^n1 is the node with the endorsement key ([0-9a-f]{64})\.\n/;
	const fingerprint = known.exec((await root('enrol', 'n1', '--ek-certificate', 'ek.der')).out)?.[1] ?? '';
	t.regex((await root('enrolments')).out, new RegExp(`n1 +${fingerprint} .* root`));
	t.is((await root('enrol', 'n1', '--fingerprint', '0'.repeat(64))).code, 8);
	t.is((await root('enrol', 'n1')).code, 2);
	t.is((await root('enrol', 'n1', '--ek-certificate', 'alice.password')).code, 2);
	t.is((await as('alice').run('attest', 'enrol', 'n2', '--fingerprint', fingerprint)).code, 3);
	t.is((await root('forget', 'n1')).code, 0);
	t.is((await root('forget', 'n1')).code, 6);
	const nowhere = await createTerminal({ cwd: folder }).run('attest', 'enrolments');
	t.is(nowhere.code, 5);
	t.regex(nowhere.err, /not logged in, to hil or to the registrar and verifier\n.* --attest URL;/);
});
