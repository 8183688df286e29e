import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createTerminal } from '../test-terminal.ts';

const shipped = fileURLToPath(new URL('../../policies', import.meta.url));

test('the shipped cases pass', async t => {
	const ran = await createTerminal().run('policy', 'test', shipped);
	t.is(ran.code, 0, ran.out);
	t.regex(
		ran.out,
		/The policies do what their cases say: (\d+) of \1 cases pass, 0 operations without a case/,
	);
	t.true(JSON.parse((await createTerminal().run('policy', 'test', shipped, '--json')).out).passed);
});

test('a policy that was changed fails its case, and a new row wants one', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-cases-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await cp(shipped, folder, { recursive: true });
	const edit = async (file: string, change: (text: string) => string) =>
		writeFile(path.join(folder, file), change(await readFile(path.join(folder, file), 'utf8')));
	await edit('cp/power.yaml', text => text.replaceAll('>=6', '>=7'));
	await edit(
		'operations.yaml',
		text => `${text}\n- {type: X, operation: New, description: d, match: GET /redfish/v1/New, p2c: HSO}\n`,
	);
	const ran = await createTerminal().run('policy', 'test', folder);
	t.is(ran.code, 10);
	t.regex(
		ran.out,
		/failed {5}\S*cases\.yaml:\d+: HSO reboots a server while enough are up: expected to execute/,
	);
	t.regex(ran.out, /uncovered {2}\S*operations\.yaml:\d+: "New" has no case, and no exemption/);
	t.regex(ran.out, /Not so: /);
});
