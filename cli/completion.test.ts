import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { requestState } from '../proxy/api/schemas.ts';
import { passwords, requestView, startFakeProxy } from '../proxy/client/test-proxy.ts';
import { requestStates } from './command-line/request-commands.ts';
import { completionScript, shells } from './commands/completion.ts';
import { startHilTerminal } from './hil/test-hil.ts';
import { saveProfile } from './profile.ts';
import { createTerminal } from './test-terminal.ts';

async function complete(env: Record<string, string>, ...words: string[]): Promise<string[]> {
	const ran = await createTerminal({ env }).run('__complete', '--', ...words);
	return ran.out.split('\n').filter(Boolean);
}
const nowhere = { BIMETAL_HOME: '/nonexistent' };

test('commands, sub-commands, options and choices', async t => {
	t.true((await complete(nowhere, '')).includes('approve'));
	t.false((await complete(nowhere, '')).includes('__complete'));
	t.deepEqual(await complete(nowhere, 'req'), ['requests', 'request']);
	t.deepEqual(await complete(nowhere, 'agreement', ''), ['sign', 'verify', 'show']);
	t.deepEqual(await complete(nowhere, 'completion', 'b'), ['bash']);
	t.deepEqual(await complete(nowhere, 'requests', '--state', 'w'), ['waiting', 'withdrawn']);
	t.deepEqual(await complete(nowhere, 'get', 'Systems', '--wa'), ['--wait']);
	t.true((await complete(nowhere, 'help', '')).includes('exit-codes'));
	t.deepEqual(await complete(nowhere, 'approve', ''), [], 'no proxy, no candidates, no error');
});

test('profiles, BMCs and waiting requests', async t => {
	const proxy = await startFakeProxy();
	const home = await mkdtemp(path.join(tmpdir(), 'bimetal-complete-'));
	t.teardown(async () => {
		await proxy.close();
		await rm(home, { recursive: true });
	});
	const passwordFile = path.join(home, 'hso.password');
	await writeFile(passwordFile, passwords['hso-operator'] ?? '');
	await saveProfile(home, { name: 'hso', url: proxy.url, ca: proxy.ca, user: 'hso-operator', passwordFile });
	proxy.requests.set('a1', requestView({ id: 'a1' })).set('a2', requestView({ id: 'a2', state: 'denied' }));
	proxy.requests.set('a$(touch x)\n3', requestView({ id: 'a$(touch x)\n3' }));
	const env = { BIMETAL_HOME: home };
	t.deepEqual(await complete(env, 'get', 'Systems', '--as', ''), ['hso']);
	t.deepEqual(await complete(env, 'get', 'Systems', '--as', 'hso', '--bmc', 'node'), ['node1', 'node2']);
	t.deepEqual(
		await complete(env, 'approve', '--as', 'hso', 'a'),
		['a1'],
		'an id with a line break is not offered',
	);
});

test('names of hil, as far as its user may see them', async t => {
	const { hil, home } = await startHilTerminal(t);
	await hil.ok('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' });
	const env = { BIMETAL_HOME: home };
	t.deepEqual(await complete(env, 'node', 'list', '--as', ''), ['admin', 'blue', 'red']);
	t.deepEqual(await complete(env, 'node', 'show', '--as', 'red', ''), ['n1', 'n2', 'n3']);
	t.deepEqual(await complete(env, 'node', 'take', '--as', 'red', ''), ['red']);
	t.deepEqual(await complete(env, 'node', 'take', '--as', 'red', 'red', 'n1', ''), ['n1', 'n2', 'n3']);
	t.deepEqual(await complete(env, 'node', 'connect', '--as', 'red', 'n1', 'eth0', ''), ['inner']);
	t.deepEqual(await complete(env, 'node', 'connect', '--as', 'blue', 'n1', 'eth0', ''), []);
	t.deepEqual(await complete(env, 'node', 'list', '--as', 'admin', '--project', ''), ['blue', 'red']);
	t.deepEqual(await complete(env, 'project', 'add-user', '--as', 'admin', 'red', 'a'), ['alice']);
	t.deepEqual(await complete(env, 'switch', 'repair', '--as', 'admin', ''), ['tor']);
	t.deepEqual(await complete(env, 'node', 'power', 'n1', ''), ['on', 'off', 'cycle', 'status']);
	t.deepEqual(await complete(nowhere, 'node', 'show', ''), [], 'no hil, no candidates, no error');
	t.deepEqual(await complete(nowhere, 'network', ''), [
		'list',
		'map',
		'show',
		'create',
		'delete',
		'grant',
		'revoke',
	]);
});

test('the scripts parse, and the one of bash passes on what was typed', t => {
	t.notThrows(() => execFileSync('bash', ['-n'], { input: completionScript('bash') }));
	const script = `${completionScript('bash')}
bimetal() { printf '%s|' "$@"; echo; echo '$(touch x) *'; }
COMP_WORDS=(bimetal get 'a b' --bm); COMP_CWORD=3; _bimetal; printf '%s\\n' "\${COMPREPLY[@]}"`;
	t.is(
		execFileSync('bash', ['-c', script], { encoding: 'utf8' }),
		'__complete|--|get|a b|--bm|\n$(touch x) *\n',
	);
	for (const shell of shells) t.regex(completionScript(shell), /bimetal __complete --/);
});

test('the states offered are those of the management API', t => {
	t.deepEqual(requestStates, requestState.options);
});
