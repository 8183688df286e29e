import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { bmcIdentity, modeOf, oldPassword, siteText, startBench } from '../../proxy/enrol/console.fixture.ts';
import { readSite } from '../../proxy/site.ts';
import { createTerminal } from '../test-terminal.ts';

test('enrol: dry run, enrolment, again, release', async t => {
	const bench = await startBench(t);
	const { fingerprint } = await bmcIdentity();
	await writeFile(path.join(bench.folder, 'delivered'), `${oldPassword}\n`);
	const cli = createTerminal({ cwd: bench.folder });
	const common = ['--url', bench.bmc.url, '--password-file', 'delivered', '--fingerprint', fingerprint];
	const enrol = (...more: string[]) => cli.run('bmc', 'enrol', 'node1', ...common, ...more);

	const plan = await enrol('--dry-run', '--site', 'site.yaml');
	t.is(plan.code, 0, plan.err);
	t.regex(plan.out, /node1 would get a new password[\s\S]* {2}SSH\n/);
	t.is(await bench.site(), siteText);

	const done = await enrol('--site', 'site.yaml', '--rack', 'rack2', '--keep-account', 'backup', '--json');
	t.is(done.code, 0, done.err);
	const outcome = JSON.parse(done.out);
	t.like(outcome, { bmc: 'node1', fingerprint, left: [], added: true });
	t.regex(done.err, /SSH: shut/);
	const password = await bench.kept();
	for (const text of [done.out, done.err, plan.out, plan.err])
		for (const secret of [password, oldPassword]) t.false(text.includes(secret));
	t.is(parse(await bench.site()).bmcs.node1.rack, 'rack2');

	const again = await enrol('--site', 'site.yaml');
	t.is(again.code, 0, again.err);
	t.regex(again.out, /in the site file already/);

	const released = await cli.run('bmc', 'release', 'node1', '--password-file', 'new', '--site', 'site.yaml');
	t.is(released.code, 0, released.err);
	const given = (await readFile(path.join(bench.folder, 'new'), 'utf8')).trim();
	t.is(await modeOf(path.join(bench.folder, 'new')), '600');
	t.true(await bench.works(given));
	t.false((released.out + released.err).includes(given));
	t.is((await cli.run('bmc', 'release', 'node1', '--password-file', 'new')).code, 6);
});

test('what enrolment writes is a site file that the proxy takes', async t => {
	const bench = await startBench(t);
	const write = (name: string, text: string) =>
		writeFile(path.join(bench.folder, name), text, { mode: 0o600 });
	await mkdir(path.join(bench.folder, 'policies'));
	for (const name of ['crt.pem', 'key.pem', 'operators.yaml', 'delivered'])
		await write(name, `${oldPassword}\n`);
	await write(
		'site.yaml',
		`site: test
store: { file: proxy.sqlite }
audit: { folder: audit }
listen: { port: 0 }
tls: { certificate: crt.pem, key: key.pem }
parties: { HSO: {}, CP: {} }
operators: operators.yaml
policies: policies
bmcs: {} # none yet
`,
	);
	const cli = createTerminal({ cwd: bench.folder });
	const { fingerprint } = await bmcIdentity();
	const common = ['--url', bench.bmc.url, '--password-file', 'delivered', '--site', 'site.yaml'];
	const ran = await cli.run('bmc', 'enrol', 'node1', ...common, '--fingerprint', fingerprint);
	t.is(ran.code, 0, ran.err);
	const site = readSite(path.join(bench.folder, 'site.yaml'));
	t.like(site.bmcs.node1, { fingerprint, enrolment: path.join(bench.folder, 'enrolment/node1.json') });
});

test('the fingerprint is asked for on a terminal; without one it must be given', async t => {
	const bench = await startBench(t);
	const { fingerprint } = await bmcIdentity();
	await writeFile(path.join(bench.folder, 'delivered'), `${oldPassword}\n`);
	const argv = ['bmc', 'enrol', 'node1', '--url', bench.bmc.url, '--password-file', 'delivered'];
	const piped = await createTerminal({ cwd: bench.folder }).run(...argv);
	t.is(piped.code, 2);
	t.true(piped.err.includes(`--fingerprint ${fingerprint}`));

	const no = createTerminal({ cwd: bench.folder, tty: true });
	no.stdin.write('n\n');
	const refused = await no.run(...argv);
	t.is(refused.code, 7, refused.err);
	t.is(bench.bmc.executed.length, 0, 'nothing was sent');

	const yes = createTerminal({ cwd: bench.folder, tty: true });
	yes.stdin.write('y\n');
	const taken = await yes.run(...argv);
	t.is(taken.code, 0, taken.err);
	t.regex(taken.out, /Add this to the site file:\n\nbmcs:\n {2}node1:/);
	t.true((await readdir(bench.folder)).includes('enrolment'));
});

test('a wrong command line is told before anything happens', async t => {
	const bench = await startBench(t);
	const cli = createTerminal({ cwd: bench.folder });
	await writeFile(path.join(bench.folder, 'empty'), '');
	for (const argv of [
		['enrol', 'a/b', '--url', bench.bmc.url, '--password-file', 'empty'],
		['enrol', 'node1', '--url', 'http://127.0.0.1', '--password-file', 'empty'],
		['enrol', 'node1', '--url', 'https://root:pw@127.0.0.1', '--password-file', 'empty'],
		['enrol', 'node1', '--url', bench.bmc.url, '--password-file', 'empty'],
		['enrol', 'node1', '--url', bench.bmc.url],
		['enrol', 'node1', '--url', bench.bmc.url, '--password-file', 'no-such-file'],
		['release', 'node1', '--password-file', 'empty'],
		['release', 'node1'],
	]) {
		const ran = await cli.run('bmc', ...argv);
		t.is(ran.code, 2, argv.join(' '));
		t.regex(ran.err, /\n {2}try: /, argv.join(' '));
	}
	t.is(bench.bmc.executed.length, 0);
});
