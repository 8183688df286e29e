import { redfishError } from '../proxy/client/test-proxy.ts';
import { testWithSite } from './test-site.ts';

const test = testWithSite();

const RESET = 'Systems/system/Actions/ComputerSystem.Reset';

test('bmcs, policies and whoami as tables and as one JSON document', async t => {
	const { terminal, proxy } = t.context;
	const plain = (text: string) => text.replaceAll(proxy.url, 'https://PROXY');
	for (const argv of [['bmcs'], ['policies'], ['policies', 'reboot'], ['whoami']]) {
		const table = await terminal().run(...argv, '--as', 'hso');
		t.is(table.code, 0, table.err);
		t.snapshot(plain(table.out), argv.join(' '));
		const json = await terminal().run(...argv, '--as', 'hso', '--json');
		t.is(typeof JSON.parse(json.out), 'object');
	}
});

test('exit codes tell refusals apart', async t => {
	const { terminal, proxy } = t.context;
	for (const [status, code] of [
		[400, 9],
		[401, 5],
		[403, 3],
		[404, 6],
		[405, 9],
		[409, 8],
		[412, 8],
		[500, 1],
		[502, 7],
		[504, 7],
	] as const) {
		proxy.handle = () => redfishError(status, 'because');
		const ran = await terminal().run('get', 'Systems', '--bmc', 'node1', '--as', 'hso');
		t.is(ran.code, code, `${status}`);
		t.is(ran.out, '');
		t.regex(ran.err, /^bimetal: .*because\n {2}try: .+\n$/);
		const json = await terminal().run('get', 'Systems', '--bmc', 'node1', '--as', 'hso', '--json');
		t.is(JSON.parse(json.out).error.message, 'because');
	}
	proxy.handle = undefined;
	t.is((await terminal().run('request', 'nothing', '--as', 'hso')).code, 6);
	await proxy.close();
	const away = await terminal().run('bmcs', '--as', 'hso', '--json');
	t.is(away.code, 7);
	t.is(JSON.parse(away.out).error.code, 'ProxyUnreachable');
});

test('usage errors say what to try; exit 2', async t => {
	const { terminal } = t.context;
	const wrong = [
		['get', 'Systems', '--as', 'hso'],
		['get', '/etc/passwd', '--bmc', 'node1', '--as', 'hso'],
		['post', RESET, '--bmc', 'node1', '--as', 'hso', '-d', '{not json'],
		['patch', 'Systems/system', '--bmc', 'node1', '--as', 'hso'],
		['requests', '--limit', 'many', '--as', 'hso'],
		['requsts'],
		['bmcs', '--no-such-option'],
		['bmcs'],
		['bmcs', '--url', 'http://127.0.0.1:1', '--user', 'x', '--password-file', 'hso.password'],
	];
	for (const argv of wrong) {
		const ran = await terminal({ cwd: t.context.home }).run(...argv);
		t.is(ran.code, 2, `${argv.join(' ')}: ${ran.err}`);
		t.regex(ran.err, /^bimetal: .+\n {2}try: .+\n$/, argv.join(' '));
		const json = await terminal({ cwd: t.context.home }).run(...argv, '--json');
		t.is(JSON.parse(json.out).error.exit, 2, argv.join(' '));
	}
	t.regex((await terminal().run('requsts')).err, /try: .*requests/);
	t.regex((await terminal().run('deny', '01K3Q8', '--as', 'cp')).err, /try: \S*bimetal deny --help/);
	t.regex(
		(await terminal().run('audit', 'verify', '--no-such', 'x')).err,
		/try: \S*bimetal audit verify --help/,
	);
});

test('printed lines are called as bimetal was', async t => {
	const ran = await t.context.terminal({ env: { npm_command: 'exec' } }).run('whoami', '--as', 'nobody');
	t.is(ran.code, 5);
	t.regex((await t.context.terminal({ env: { npm_command: 'exec' } }).run('--help')).out, /npx bimetal up/);
});

test('colours are for terminals only, and NO_COLOR turns them off', async t => {
	const colour = '\u001b[';
	const on = await t.context.terminal({ tty: true }).run('bmcs', '--as', 'hso');
	t.true(on.out.includes(colour));
	const off = await t.context.terminal({ tty: true, env: { NO_COLOR: '1' } }).run('bmcs', '--as', 'hso');
	t.false(off.out.includes(colour));
	t.false((await t.context.terminal().run('bmcs', '--as', 'hso')).out.includes(colour));
});
