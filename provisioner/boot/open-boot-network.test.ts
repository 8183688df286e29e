// A provisioning network with the real daemons; nodes are network namespaces at the other end of a cable.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { z } from 'zod';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { runIp } from '../../common/network/ip-commands.ts';
import { createNetworkNamespace } from '../../common/network/network-namespace.ts';
import { findChildren } from '../../common/processes/children.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { until } from '../../test/visitor.ts';
import type { BootEntry, BootEvent } from './boot-network.ts';
import { openBootNetwork } from './open-boot-network.ts';

const test = testNeeding('dnsmasq-base', 'iproute2', 'ethtool', 'tgt', 'curl');
const run = promisify(execFile);
const client = fileURLToPath(new URL('./dhcp-client.py', import.meta.url));
const offer = z
	.object({
		...{ address: z.string(), isAcknowledged: z.boolean(), script: z.string(), seed: z.string() },
		paths: z.string(),
		/** iPXE's own options in the offer, hexadecimal. */
		ipxe: z.string(),
	})
	.nullable();
const mac = '52:54:00:00:00:21';
const stranger = '52:54:00:00:00:22';

const entryOf = (more: Partial<BootEntry> = {}): BootEntry => ({
	node: 'n1',
	mac,
	target: {
		portals: ['10.64.0.1:3260'],
		iqn: 'iqn.2026-11.test:disk.1',
		initiator: 'iqn.2026-11.test:node.n1',
		chap: { username: 'n1', password: 'veryMuchASecret' },
	},
	paths: [{ mac: '52:54:00:00:00:31', portal: '10.65.0.1:3260' }],
	hostname: 'web-1',
	keys: ['ssh-ed25519 AAAA me'],
	userData: '#cloud-config\nruncmd: [[true]]\n',
	...more,
});

let tries = 0;

/** A provisioning network, and a machine plugged into it. */
async function start(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bm-bootnet-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const name = `bootnet-${process.pid}-${++tries}`;
	const device = `bm${process.pid}.${tries}`;
	const machine = await createNetworkNamespace({ run: name, folder });
	t.teardown(() => machine.close());
	await runIp(undefined, [`link add ${device} type veth peer name eth0 netns ${machine.path}`]);
	t.teardown(() => runIp(undefined, [`link delete dev ${device}`]));
	await runIp(machine.path, ['link set dev eth0 up', 'address add 10.64.0.240/24 dev eth0']);
	const inside = async (file: string, ...args: string[]): Promise<string> => {
		const { stdout } = await run('nsenter', [`--net=${machine.path}`, '--', file, ...args]);
		return stdout;
	};
	await inside('ethtool', '-K', 'eth0', 'tx', 'off');
	const dhcp = async (of: string, userClass = 'iPXE') =>
		offer.parse(JSON.parse(await inside('python3', client, 'eth0', of, userClass)));
	const warnings: unknown[] = [];
	const logger = { ...silentLogger, warn: (of: unknown) => void warnings.push(of) };
	const owners: { areTheSame: 'yes' | 'no' | 'unknown' } = { areTheSame: 'yes' };
	const options = {
		mayBoot: async () => owners.areTheSame,
		settings: { network: 'boot', interface: device, address: '10.64.0.1/24' },
		...{ store: createMemoryStore(), run: name, clock: systemClock, logger },
		folder: path.join(folder, 'boot'),
	};
	const network = await openBootNetwork(options);
	t.teardown(() => network.close());
	const events: BootEvent[] = [];
	network.onEvent(event => events.push(event));
	const authority = path.join(folder, 'authority.pem');
	await writeFile(authority, network.authority);
	return {
		...{ network, options, owners, machine, inside, device, events, warnings, run: name },
		dhcp,
		/** Asks again until it is answered, and otherwise than so. */
		async answered(of: string, userClass?: string, notSo?: string) {
			for (let tried = 0; tried < 20; tried++) {
				const found = await dhcp(of, userClass);
				if (found && found.script !== notSo) return found;
			}
			throw new Error(`${of} is not answered`);
		},
		async get(url: string, from: string, ...more: string[]) {
			const args = ['-sS', '--max-time', '10', '--cacert', authority, '--interface', from];
			const text = await inside('curl', ...args, '-w', '\n%{http_code}', ...more, url);
			const at = text.lastIndexOf('\n');
			return { status: Number(text.slice(at + 1)), text: text.slice(0, at) };
		},
	};
}

test('a node is told once where its disk is, and nobody else is told anything', async t => {
	const { network, machine, dhcp, answered, get, events, warnings } = await start(t);
	const address = await network.addressOf(mac);
	await runIp(machine.path, [`address add ${address}/24 dev eth0`]);
	t.is(await dhcp(mac), null, 'it is not to boot');
	await network.set(entryOf());
	const pid = network.dnsmasq.pid();
	const first = await answered(mac);
	t.like(first, { address, isAcknowledged: true });
	t.is(first.ipxe, 'b00101ff', 'no-pxedhcp: it asks no further');
	t.is(await dhcp(stranger), null);
	const url = first.script;
	t.regex(url, /^http:\/\/10\.64\.0\.1\/[\w-]{43}\/boot\.ipxe$/);

	t.is((await get(url, '10.64.0.240')).status, 404, 'from another address');
	t.is((await get(url.replace(/.\/boot/, '~/boot'), address)).status, 404);
	const script = await get(url, address);
	t.is(script.status, 200);
	t.regex(script.text, /set password veryMuchASecret/);
	t.is((await get(url, address)).status, 410, 'the second time');
	t.like(warnings, [
		{ mac, from: '10.64.0.240', reason: 'address' },
		{ reason: 'unknown' },
		{ reason: 'used' },
	]);
	t.true(['dhcp', 'script'].every(kind => events.some(event => event.mac === mac && event.kind === kind)));
	const next = await answered(mac, 'iPXE', url);
	t.is(network.dnsmasq.pid(), pid, 'it went on while it read its files again');
	t.is((await get(next.script, address)).status, 200);

	t.is(typeof network.lastSeen(mac, 'dhcp'), 'number');
	t.is(typeof network.lastSeen(mac, 'script'), 'number');
	t.is(network.lastSeen(stranger, 'dhcp'), undefined);

	await network.remove(mac);
	t.is(network.lastSeen(mac, 'dhcp'), undefined);
	t.is(await dhcp(mac), null);
	t.is((await get(next.script, address)).status, 404);
});

test('configuration comes over TLS, each document once, until the node says that it has all', async t => {
	const { network, machine, answered, get, events } = await start(t);
	const address = await network.addressOf(mac);
	await runIp(machine.path, [`address add ${address}/24 dev eth0`]);
	await network.set(entryOf());
	const { seed, paths } = await answered(mac, 'systemd');
	t.is(paths, '52:54:00:00:00:31=10.65.0.1:3260');
	t.regex(seed, /^https:\/\/10\.64\.0\.1\/[\w-]{43}\/$/);
	t.is((await get(`${seed}meta-data`, '10.64.0.240')).status, 404);
	t.is((await get(`${seed.replace('https', 'http')}meta-data`, address)).status, 404, 'never in the clear');
	t.like(JSON.parse((await get(`${seed}meta-data`, address)).text), {
		'local-hostname': 'web-1',
		'public-keys': ['ssh-ed25519 AAAA me'],
	});
	t.is((await get(`${seed}user-data`, address)).text, '#cloud-config\nruncmd: [[true]]\n');
	const again = await get(`${seed}user-data`, address);
	t.is(again.status, 410);
	t.regex(again.text, /read before/);
	t.true(events.some(event => event.kind === 'config'));
	t.is((await get(`${seed}done`, address, '-X', 'POST')).status, 200);
	t.is((await get(`${seed}vendor-data`, address)).status, 404);
});

test('dnsmasq killed comes back and answers as before; no secret is where it does not belong', async t => {
	const { network, answered } = await start(t);
	await network.set(entryOf());
	const before = network.dnsmasq.pid();
	t.truthy(before);
	t.notThrows(() => network.check());
	process.kill(before as number, 'SIGKILL');
	t.like(await answered(mac), { address: await network.addressOf(mac), isAcknowledged: true });
	// What it answers can be here before what it says of itself.
	await until(
		async () => network.dnsmasq.pid(),
		is => is !== undefined && is !== before,
	);
	t.notThrows(() => network.check());
	const pid = network.dnsmasq.pid();
	t.false((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('Secret'));
	const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
	const configuration = await readFile(/--conf-file=([^\0]+)/.exec(command)?.[1] ?? '', 'utf8');
	const [, hosts = ''] = /dhcp-hostsfile=(.*)/.exec(configuration) ?? [];
	for (const file of await readdir(path.dirname(hosts))) {
		t.false((await readFile(path.join(path.dirname(hosts), file), 'utf8')).includes('Secret'), file);
	}
	await network.close();
	await t.throwsAsync(readdir(path.dirname(hosts)), { code: 'ENOENT' });
});

test('the namespace goes with its processes, and they with us when we are killed; the interface stays', async t => {
	const { network, options, device, run: name } = await start(t);
	const pid = network.dnsmasq.pid() ?? 0;
	t.not(await readlink(`/proc/${pid}/ns/net`), await readlink('/proc/self/ns/net'));
	await network.close();
	t.deepEqual(await findChildren(name), []);
	await t.notThrowsAsync(runIp(undefined, [`link show dev ${device}`]));

	const code = `
		import { openBootNetwork } from ${JSON.stringify(new URL('./open-boot-network.ts', import.meta.url).href)};
		import { createMemoryStore } from ${JSON.stringify(new URL('../../common/store/memory-store.fixture.ts', import.meta.url).href)};
		import { silentLogger } from ${JSON.stringify(new URL('../../common/log/logger.ts', import.meta.url).href)};
		import { systemClock } from ${JSON.stringify(new URL('../../common/clock.ts', import.meta.url).href)};
		const { settings, run, folder } = ${JSON.stringify({ settings: options.settings, run: name, folder: options.folder })};
		await openBootNetwork({ settings, run, folder, store: createMemoryStore(), clock: systemClock, logger: silentLogger });
		process.stdout.write('open');
		setInterval(() => undefined, 1000);
	`;
	const other = spawn(process.execPath, ['--input-type=module', '-e', code], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const exited = new Promise(resolve => other.once('exit', resolve));
	await new Promise((resolve, reject) => {
		other.stdout.once('data', resolve);
		void exited.then(() => reject(new Error('it has ended')));
	});
	t.is((await findChildren(name)).length, 2);
	other.kill('SIGKILL');
	await exited;
	// At once: what the other one had is only just being taken away.
	const again = await openBootNetwork({ ...options, run: `${name}-again` });
	await until(
		() => findChildren(name),
		left => left.length === 0,
	);
	await t.notThrowsAsync(runIp(undefined, [`link show dev ${device}`]));
	await again.close();
});

test("what a node boots by is not given once its node is somebody else's, nor while nobody knows", async t => {
	const { network, machine, owners, answered, get, events, warnings } = await start(t);
	const address = await network.addressOf(mac);
	await runIp(machine.path, [`address add ${address}/24 dev eth0`]);
	await network.set(entryOf());
	const { script } = await answered(mac);
	const { seed } = await answered(mac, 'systemd');
	owners.areTheSame = 'unknown';
	const waits = await get(script, address);
	t.is(waits.status, 200);
	t.regex(waits.text, /^#!ipxe\n[\s\S]*\nchain --replace boot\.ipxe /, 'it asks again');
	t.false(waits.text.includes('Secret'));
	t.is((await get(`${seed}user-data`, address)).status, 503);
	t.deepEqual(warnings, []);
	owners.areTheSame = 'no';
	t.is((await get(`${seed}user-data`, address)).status, 404);
	t.like(await get(script, address), { status: 404, text: '' });
	t.like(warnings.at(-1), { reason: 'owner', mac, from: address });
	t.deepEqual(
		events.filter(({ kind }) => kind === 'script'),
		[],
	);
	owners.areTheSame = 'yes';
	t.is((await get(`${seed}user-data`, address)).status, 200, 'the tickets were given back');
	t.is((await get(script, address)).status, 200);
});
