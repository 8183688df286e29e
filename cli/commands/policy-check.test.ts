import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createTerminal } from '../test-terminal.ts';

const shipped = fileURLToPath(new URL('../../policies', import.meta.url));

test('the shipped policies are good', async t => {
	const ran = await createTerminal().run('policy', 'check', shipped);
	t.is(ran.code, 0, ran.out);
	t.regex(ran.out, /The policies are good: 0 errors/);
	const json = await createTerminal().run('policy', 'check', shipped, '--json');
	t.deepEqual(JSON.parse(json.out).problems, []);
});

test('mistakes are listed by file and line, parties and sources come from the site file', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-policy-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await cp(shipped, path.join(folder, 'policies'), { recursive: true });
	const site = path.join(folder, 'site.yaml');
	await writeFile(
		site,
		'policies: policies\nparties: { HSO: {}, CP: {} }\nexternal: { Servers: {} }\nlisten: {}\n',
	);
	const cli = createTerminal({ cwd: folder });
	const ran = await cli.run('policy', 'check', '--site', 'site.yaml');
	t.is(ran.code, 2);
	t.regex(ran.out, /error {4}\S*power\.yaml:\d+:\d+: .*PDU/);
	t.regex(ran.out, /The proxy would refuse these policies/);

	await writeFile(site, 'parties: [\n');
	const broken = await cli.run('policy', 'check', '--site', 'site.yaml');
	t.is(broken.code, 2);
	t.regex(broken.err, /^bimetal: site\.yaml: .*\n {2}try: /);
	t.is((await cli.run('policy', 'check', 'nothing-here')).code, 2);
	t.is((await cli.run('policy', 'check', '--site', 'nothing-here')).code, 2);
});
