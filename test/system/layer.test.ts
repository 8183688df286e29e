// The Yocto layer that `bimetal qemu layer` writes, as far as it can be tested without a Yocto: every file that a recipe
// names is there, its do_install installs, systemd and nftables take what it installs, and the program in it runs.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { createTerminal } from '../../cli/test-terminal.ts';
import { systemClock } from '../../common/clock.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { createAuthority } from '../../common/identity/site-ca.ts';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { publicLogin } from '../../qemu/openbmc/known-images.ts';
import { askServiceRoot } from '../../qemu/openbmc/service-root.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { runProgram } from '../run-program.ts';
import { findNode20 } from '../runner/node20.ts';
import { createTestTls } from '../site-folder.ts';
import { createVisitor } from '../visitor.ts';

const run = promisify(execFile);
/** BitBake's, as OpenBMC sets them. */
const variables: Readonly<Record<string, string>> = {
	nonarch_libdir: '/usr/lib',
	datadir: '/usr/share',
	systemd_system_unitdir: '/usr/lib/systemd/system',
};

let folder: string;
let layer: string;
/** What the recipes install, as the image's root. */
let root: string;

test.before(async t => {
	t.timeout(100_000);
	folder = await mkdtemp(path.join(tmpdir(), 'bimetal-layer-test-'));
	layer = path.join(folder, 'meta-bimetal');
	const { code, out, err } = await createTerminal().run('qemu', 'layer', '--out', layer, '--json');
	t.is(code, 0, err);
	const { packed, unpacked } = JSON.parse(out);
	t.log(`the program: ${Math.round(packed / 1024)} KiB packed, ${Math.round(unpacked / 1024)} KiB unpacked`);
	t.true(packed < 2 * 1024 * 1024, 'a flash has little room');
	root = path.join(folder, 'root');
	await mkdir(root);
});
test.after.always(() => rm(folder, { recursive: true }));

async function recipes(): Promise<{ file: string; text: string }[]> {
	const names = (await readdir(layer, { recursive: true })).filter(name => /\.bb(append)?$/.test(name));
	return Promise.all(
		names.sort().map(async file => ({ file, text: await readFile(path.join(layer, file), 'utf8') })),
	);
}

/** Where a recipe's `file://` are: `files`, or the folder that bears the recipe's name. */
const filesOf = (recipe: string): string =>
	recipe.endsWith('.bb')
		? path.join(path.dirname(recipe), 'files')
		: recipe.replace(/(?:_%)?\.bbappend$/, '');

const named = (text: string): string[] =>
	[...text.matchAll(/file:\/\/([^\s;"]+)/g)].map(([, name = '']) => name);

/** A shell task of a recipe, with BitBake's variables put in. */
function task(text: string, name: string, at: { unpacked: string; into: string }): string | undefined {
	const body = new RegExp(`^${name.replace(':', ':')}\\(\\) \\{\\n(.*?)^\\}`, 'ms').exec(text)?.[1];
	return body?.replace(/\$\{(\w+)\}/g, (whole, variable: string) => {
		if (variable === 'D') return at.into;
		if (variable === 'UNPACKDIR') return at.unpacked;
		const value = variables[variable];
		if (value === undefined) throw new Error(`${whole} is a variable that nobody sets`);
		return value;
	});
}

test.serial('every file that a recipe names is in the layer, and no other', async t => {
	const seen = new Set(['conf/layer.conf', 'README.md']);
	for (const { file, text } of await recipes()) {
		seen.add(file);
		for (const line of text.split('\n'))
			t.regex(
				line,
				/^(?:#.*|$|[\w:${}-]+(?:\[\w+\])? (?::?=|\?=|\+=|\.=) .*|inherit .*|[\w:]+\(\) \{|\}|"| {4}.*)$/,
				`${file}: ${line}`,
			);
		for (const name of named(text).filter(one => one !== '{COMMON_LICENSE_DIR}/Apache-2.0')) {
			if (name.startsWith('$')) continue;
			const found = path.join(filesOf(file), name);
			await t.notThrowsAsync(readFile(path.join(layer, found)), `${file} names ${name}`);
			seen.add(found);
		}
	}
	const entries = await readdir(layer, { recursive: true, withFileTypes: true });
	const files = entries.filter(entry => entry.isFile());
	t.deepEqual(
		files.map(entry => path.relative(layer, path.join(entry.parentPath, entry.name))).sort(),
		[...seen].sort(),
	);
	const conf = await readFile(path.join(layer, 'conf/layer.conf'), 'utf8');
	for (const name of ['BBFILE_PATTERN', 'BBFILE_PRIORITY', 'LAYERDEPENDS', 'LAYERSERIES_COMPAT'])
		t.regex(conf, new RegExp(`^${name}_meta-bimetal = "`, 'm'));
});

test.serial('what the recipes install is what the units and the image look for', async t => {
	// What the layers below leave there.
	await writeFile(path.join(root, 'whitelist'), '/etc/shadow\n');
	for (const { file, text } of await recipes()) {
		const unpacked = path.join(folder, 'unpacked', path.basename(file));
		await mkdir(unpacked, { recursive: true });
		for (const name of named(text).filter(one => !one.startsWith('$')))
			await cp(path.join(layer, filesOf(file), name), path.join(unpacked, name));
		if (file.endsWith('.bb')) {
			await mkdir(path.join(unpacked, 'program'));
			await run('tar', ['-xzf', path.join(unpacked, 'program.tar.gz'), '-C', path.join(unpacked, 'program')]);
		}
		const name = file.endsWith('.bb') ? 'do_install' : 'do_install:append';
		const script = task(text, name, { unpacked, into: root });
		if (script !== undefined) await run('sh', ['-euc', `bbfatal() { echo "$1" >&2; exit 1; }\n${script}`]);
	}
	t.is(await readFile(path.join(root, 'whitelist'), 'utf8'), '/etc/shadow\n/var/lib/bimetal\n');
	const service = await readFile(path.join(root, 'usr/lib/systemd/system/bimetal-proxy.service'), 'utf8');
	const started = /^ExecStart=\/usr\/bin\/node .* (\/\S+\.mjs) proxy/m.exec(service)?.[1] ?? t.fail();
	await t.notThrowsAsync(readFile(path.join(root, started)));
	const firewall = await readFile(path.join(root, 'usr/lib/systemd/system/bimetal-firewall.service'), 'utf8');
	await t.notThrowsAsync(readFile(path.join(root, / -f (\S+)$/m.exec(firewall)?.[1] ?? t.fail())));
	const site = parse(await readFile(path.join(root, 'usr/share/bimetal/site.yaml'), 'utf8'));
	const loopback = await readFile(
		path.join(root, 'usr/lib/systemd/system/bmcweb.socket.d/10-loopback.conf'),
		'utf8',
	);
	t.is(site.bmcs.bmc.url, `https://${/^ListenStream=(\S+)$/m.exec(loopback)?.[1]}`);
	t.regex(loopback, /^ListenStream=$/m, 'the port of its own is taken back first');
});

testNeeding('systemd')('systemd takes the units', async t => {
	const unit = (name: string, text: string) =>
		writeFile(path.join(root, 'usr/lib/systemd/system', name), `[Unit]\nDescription=${name}\n${text}`);
	const targets = [
		'sysinit',
		'basic',
		'network',
		'network-pre',
		'sockets',
		'shutdown',
		'multi-user',
		'local-fs',
	];
	for (const name of targets) await unit(`${name}.target`, '');
	for (const name of ['bmcweb', 'systemd-networkd'])
		await unit(`${name}.service`, '[Service]\nExecStart=/usr/bin/node\n');
	await unit('bmcweb.socket', '[Socket]\nListenStream=443\nReusePort=true\n');
	for (const name of ['usr/bin/node', 'usr/sbin/nft']) {
		await mkdir(path.dirname(path.join(root, name)), { recursive: true });
		await writeFile(path.join(root, name), '#!/bin/sh\n');
		await chmod(path.join(root, name), 0o755);
	}
	await mkdir(path.join(root, 'etc'), { recursive: true });
	await writeFile(path.join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nbimetal:x:900:900::/:/bin/false\n');
	await writeFile(path.join(root, 'etc/group'), 'root:x:0:\nbimetal:x:900:\n');
	const units = [
		'bimetal-proxy.service',
		'bimetal-firewall.service',
		'bmcweb.socket',
		'systemd-networkd.service',
	];
	const verified = await runProgram('systemd-analyze', ['verify', `--root=${root}`, '--man=no', ...units]);
	t.is(verified.stderr, '');
	t.is(verified.code, 0);

	// It notices what is wrong.
	const file = path.join(root, 'usr/lib/systemd/system/bimetal-proxy.service');
	await writeFile(file, `${await readFile(file, 'utf8')}\n[Service]\nNoSuchSetting=yes\n`);
	const wrong = await runProgram('systemd-analyze', ['verify', `--root=${root}`, '--man=no', units[0] ?? '']);
	t.regex(wrong.stderr, /NoSuchSetting/);
});

testNeeding('nftables')('nftables takes the rules, twice over, and they let in the proxy only', async t => {
	const rules = path.join(folder, 'firewall.nft');
	const text = await readFile(path.join(root, 'usr/share/bimetal/firewall.nft'), 'utf8');
	// The recipe makes that user; here is another one.
	await writeFile(rules, text.replaceAll('"bimetal"', '"daemon"'));
	// Not by the PATH, on which npm has put a program of the same name.
	const nft = '/usr/sbin/nft';
	const script = `${nft} -f ${rules} && ${nft} -f ${rules} && ${nft} --json list ruleset`;
	const loaded = await runProgram('unshare', [
		...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
		...['--net', 'sh', '-c', script],
	]);
	t.is(loaded.code, 0, loaded.stderr);
	const { nftables } = JSON.parse(loaded.stdout);
	const chains = nftables.flatMap((one: { chain?: { name: string; policy: string } }) => one.chain ?? []);
	t.deepEqual(
		chains.map(({ name, policy }: { name: string; policy: string }) => [name, policy]),
		[
			['input', 'drop'],
			['forward', 'drop'],
			['output', 'accept'],
		],
	);
	const ports = JSON.stringify(nftables).match(/"dport"\}\},"right":(\{[^}]*\}|\d+)/g);
	t.is(ports?.length, 3, 'HTTPS and the proxy, DHCPv6, and bmcweb on the way out');
});

test.serial('the program in it enrols its own BMC and stands in front of it, as on the board', async t => {
	t.timeout(100_000);
	const node = findNode20(process.env)?.path ?? process.execPath;
	const program = path.join(root, 'usr/lib/bimetal/bin/board.mjs');
	const state = path.join(folder, 'state');
	const write = async (name: string, content: string) => {
		await mkdir(path.dirname(path.join(state, name)), { recursive: true });
		await writeFile(path.join(state, name), content, { mode: 0o600 });
	};
	const { ca, server } = await createTestTls();
	const bmc = await startBmc({
		name: 'bmc',
		tls: { key: server.keyPem, cert: server.certificatePem },
		accounts: [{ ...{ name: publicLogin.username, password: publicLogin.password }, role: 'Administrator' }],
		failedLoginDelayMs: 0,
	});
	t.teardown(() => bmc.close());

	// The layer's own site file; only that ports are free ones, and there is no network card.
	const site = parse(await readFile(path.join(root, 'usr/share/bimetal/site.yaml'), 'utf8'));
	site.listen = { port: 0 };
	site.ops = { port: 0 };
	site.bmcs.bmc = { url: bmc.url, listen: { port: 0 } };
	await write('site.yaml', stringify(site));
	await write('proxy.chain.pem', server.certificatePem + ca);
	await write('proxy.key.pem', server.keyPem);
	for (const party of ['HSO', 'CP'])
		await write(
			`${party}.crt.pem`,
			(await createAuthority({ name: party, clock: systemClock })).certificatePem,
		);
	const password = await hashPassword('Operators-own1');
	await write('operators.yaml', stringify({ operators: [{ name: 'hso', party: 'HSO', password }] }));
	const row = { type: 'Monitoring', operation: 'Get system', description: 'd', p2c: 'HSO' };
	await write('policies/operations.yaml', stringify([{ ...row, match: 'GET /redfish/v1/Systems/system' }]));
	for (const party of ['hso', 'cp']) await mkdir(path.join(state, 'policies', party));
	await write('as-delivered', `${publicLogin.password}\n`);

	const { fingerprint } = await askServiceRoot(bmc.port, 10_000, new AbortController().signal);
	const enrol = ['bmc', 'enrol', 'bmc', '--url', bmc.url, '--site', path.join(state, 'site.yaml')];
	const trust = ['--fingerprint', fingerprint, '--password-file', path.join(state, 'as-delivered')];
	const enrolled = await runProgram(node, [program, ...enrol, ...trust]);
	t.is(enrolled.code, 0, enrolled.stderr);

	const proxy = spawn(node, [program, 'proxy', '-c', path.join(state, 'site.yaml')], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	t.teardown(async () => {
		proxy.kill('SIGTERM');
		if (proxy.exitCode === null) await once(proxy, 'exit');
	});
	let url = '';
	for await (const line of createInterface(proxy.stdout)) {
		url = (JSON.parse(line) as { url?: string }).url ?? '';
		if (url !== '') break;
	}
	proxy.stdout.resume();
	const visitor = createVisitor({ url, ca, username: 'hso', password: 'Operators-own1' });
	t.teardown(() => visitor.close());
	const { status, body } = await visitor.get('/bmc/bmc/redfish/v1/Systems/system');
	t.is(status, 200, JSON.stringify(body));
	t.is(body.PowerState, 'On');
	t.is((await visitor.get('/bmc/bmc/redfish/v1/Chassis')).status, 403);
});
