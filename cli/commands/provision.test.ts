// The commands of nodes that boot from images, against a real provisioner and a real hil over HTTP.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { listen } from '../../common/http/listen.ts';
import { bmc, startNodeBench } from '../../provisioner/node/node-bench.fixture.ts';
import { hilProfiles } from '../hil/hil-profile.ts';
import { createTerminal, type Ran } from '../test-terminal.ts';

async function start(t: ExecutionContext) {
	const bench = await startNodeBench(t);
	bench.comesUp();
	const home = await mkdtemp(path.join(tmpdir(), 'bimetal-node-cli-'));
	t.teardown(() => rm(home, { recursive: true }));
	const { url } = bench.provisioner;
	for (const [name, user] of [
		['default', 'alice'],
		['blue', 'bob'],
		['both', 'carol'],
	] as const) {
		const passwordFile = path.join(home, `${user}.password`);
		await writeFile(passwordFile, `${user}\n`, { mode: 0o600 });
		await hilProfiles.save(home, { name, url: bench.hil.url, user, passwordFile, provisioner: url });
	}
	const terminal = (tty = false) => createTerminal({ cwd: home, tty, env: { BIMETAL_HOME: home } });
	/** Time passes for the services while it runs. */
	const running = async (ran: Promise<Ran>): Promise<Ran> => {
		const stop = bench.letTimePass();
		try {
			return await ran;
		} finally {
			stop();
		}
	};
	const run = (...argv: string[]) => running(terminal().run(...argv));
	return { ...bench, home, terminal, running, run };
}

const stages = ['disk', 'network', 'target', 'boot', 'power', 'dhcp', 'script', 'login'];

test('a node is provisioned, made anew, rescued, and taken off its disk; each stage is told, and what it took', async t => {
	const { provisioner, home, run, network } = await start(t);
	await provisioner.image('red', 'rescue', 'tools');
	await writeFile(path.join(home, 'key.pub'), '# of alice\nssh-ed25519 AAAA alice\n');
	await writeFile(path.join(home, 'seed'), '#cloud-config\n');
	const own = ['--hostname', 'web', '--ssh-key', 'key.pub', '--user-data', 'seed'];
	const done = await run('provision', 'n1', 'debian', ...own);
	t.is(done.code, 0, done.err);
	t.regex(done.out, /^n1 boots from red\/n1 as web, a clone of red\/debian@1\.\n\nSTAGE/);
	const told = done.err.split('\n').map(line => /^ *[\d.]+ m?s {2}(.*)…$/.exec(line)?.[1]);
	t.deepEqual(
		told.filter(each => each !== undefined),
		stages,
	);
	for (const stage of [...stages, 'total']) t.regex(done.out, new RegExp(`^${stage} +[\\d.]+ m?s$`, 'm'));
	const [entry] = network.entries.values();
	t.like(entry, { hostname: 'web', keys: ['ssh-ed25519 AAAA alice'], userData: '#cloud-config\n' });
	t.regex((await run('provisioned')).out, /n1\s+red\s+red\/n1\s+web\s+boot\s+boots from it/);

	const anew = await run('node', 'reprovision', 'n1', 'debian', '--disk', 'fresh', '--discard');
	t.is(anew.code, 0, anew.err);
	t.regex(anew.out, /boots from red\/fresh as web.* Red\/n1 is deleted\./);
	const rescued = await run('rescue', 'n1');
	t.regex(
		rescued.out,
		/red\/rescue-web as web.* Its own red\/fresh is LUN 2\. Back: bimetal rescue n1 --end\n/,
	);
	t.regex((await run('provisioned', 'n1')).out, /being rescued/);
	t.regex((await run('rescue', 'n1', '--end')).out, /n1 boots from red\/fresh/);
	const left = await run('deprovision', 'n1', '--json');
	t.like(JSON.parse(left.out), { status: 'DONE', kind: 'node.deprovision', node: 'n1' });
	t.regex((await run('provisioned')).out, /No node of yours boots from a disk here/);
	t.regex((await run('provision', 'n2', '--disk', 'fresh')).out, /n2 boots from red\/fresh, a clone/);
});

test('on a terminal the stages are drawn anew as they get on, and gone when the table is there', async t => {
	const { terminal, running } = await start(t);
	const { out, err, code } = await running(terminal(true).run('provision', 'n1', 'debian'));
	t.is(code, 0, err);
	t.true(err.includes('\x1b[2A\r\x1b[J'), 'over what was drawn before');
	t.true(err.endsWith('\r\x1b[J'));
	t.regex(stripVTControlCharacters(err), /^ {2}disk +[\d.]+ m?s$/m);
	t.regex(stripVTControlCharacters(out), /^total +[\d.]+ m?s$/m);
});

test('what waits for another party is told; Ctrl-C leaves it, and it is followed and cancelled from elsewhere', async t => {
	const { obm, terminal, running, run, provisioner } = await start(t);
	obm.at(bmc('n1')).mustWait = true;
	const waiting = createWaiting(terminal);
	const ran = await running(waiting.terminal.run('provision', 'n1', 'debian'));
	t.is(ran.code, 130, ran.err);
	t.regex(ran.err, /power: .*waits for CP\n/);
	const [, id = ''] =
		/bimetal operation follow (\S+) — it goes on; bimetal operation cancel/.exec(ran.err) ?? [];
	t.regex((await run('operation', 'show', id)).out, /waits +.*waits for CP/);
	const following = run('operation', 'follow', id, '--json');
	t.is((await run('operation', 'cancel', id)).code, 0);
	obm.at(bmc('n1')).mustWait = false;
	const followed = await following;
	t.is(followed.code, 1);
	const states = followed.out
		.slice(0, followed.out.indexOf('{\n'))
		.trim()
		.split('\n')
		.map(line => JSON.parse(line).status);
	t.is(states.at(-1), 'FAILED');
	t.regex(followed.err, /power: alice has cancelled it\n {2}try: .*everything is as it was before/);
	t.deepEqual(await provisioner.ok('GET', '/v1/disks'), { disks: [] });
	t.regex((await run('operation', 'show', id)).out, /about +node n1, disk .*in stage +power/s);
});

/** A terminal whose user presses Ctrl-C once it says that something waits. */
function createWaiting(terminal: (tty?: boolean) => ReturnType<typeof createTerminal>) {
	const { context } = terminal();
	const waiting = createTerminal({
		cwd: context.cwd,
		env: { BIMETAL_HOME: context.cwd },
		onError: text => {
			if (text.includes('waits for')) waiting.interrupt.abort();
		},
	});
	return { terminal: waiting };
}

test('a provisioner that is away for a while is waited for; one that stays away is not', async t => {
	const { home, hil, provisioner, run } = await start(t);
	let isAway = false;
	let lost = 0;
	const relay = createServer((asked, answered) => {
		// From the first look at the operation on it is away, for three looks.
		if (asked.url?.startsWith('/v1/operations/') && (isAway || lost < 3)) {
			lost++;
			asked.socket.destroy();
			return;
		}
		const { method, headers } = asked;
		const onward = httpRequest(`${provisioner.url}${asked.url}`, { method, headers }, answer => {
			answered.writeHead(answer.statusCode ?? 500, answer.headers);
			answer.pipe(answered);
		});
		asked.pipe(onward);
	});
	const { port, close } = await listen(relay, { host: '127.0.0.1', port: 0 });
	t.teardown(() => close(0));
	const passwordFile = path.join(home, 'alice.password');
	const url = `http://127.0.0.1:${port}`;
	await hilProfiles.save(home, { name: 'cut', url: hil.url, user: 'alice', passwordFile, provisioner: url });
	const waited = await run('provision', 'n1', 'debian', '--as', 'cut');
	t.is(waited.code, 0, waited.err);
	t.is(lost, 3);
	t.regex(waited.err, /the provisioner does not answer; trying again\n/);
	t.regex(waited.out, /^n1 boots from red\/n1/);
	isAway = true;
	const left = await run('deprovision', 'n1', '--as', 'cut');
	t.is(left.code, 7);
	t.regex(left.err, /does not answer\n {2}try: bimetal operation follow \S+ --as cut, once it answers/);
});

test('a node is saved and made again, on a node that is named; without waiting it is told how to follow it', async t => {
	const { hil, run } = await start(t);
	await run('provision', 'n1', 'debian', '--hostname', 'web');
	const begun = await run('suspend', 'n1', '--no-wait');
	t.is(begun.code, 0, begun.err);
	const [, id = ''] =
		/^It is begun\. How it gets on: bimetal operation follow (\S+)\n$/.exec(begun.out) ?? [];
	t.is((await run('operation', 'follow', id)).code, 0);
	t.like(await hil.ok('GET', '/v0/node/n1'), { project: null });
	const own = await run('resume', 'n1', '--node', 'n2');
	t.regex(own.out, /^n2 boots from red\/n1 as web/, own.err);
	await run('suspend', 'n2');
	await hil.ok('PUT', '/v0/project/blue');
	await hil.ok('POST', '/v0/project/blue/connect_node', { node: 'n2' });
	const taken = await run('resume', 'n1', '--node', 'n2');
	t.is(taken.code, 1);
	t.regex(taken.err, /node: Node n2 is not free\.\n {2}try: bimetal node list --free/);
	t.like(await hil.ok('GET', '/v0/node/n2'), { project: 'blue' }, 'nobody takes it away');
	t.regex((await run('resume', 'n1')).out, /^n1 boots from red\/n1 as web/);
});

test('a node goes to another project with its disk', async t => {
	const { hil, run } = await start(t);
	await hil.ok('PUT', '/v0/project/blue');
	await run('provision', 'n1', 'debian');
	t.is((await run('move', 'n1', 'blue')).code, 3);
	const moved = await run('move', 'n1', 'blue', '--disk', 'db', '--as', 'both');
	t.regex(
		moved.out,
		/^n1 is blue's, and its disk\. n1 boots from blue\/db, a clone of red\/debian@1\.\n/,
		moved.err,
	);
	t.regex((await run('provisioned', '--as', 'blue')).out, /n1\s+blue\s+blue\/db/);
});

test('a node boots by several NICs, each on a network that is named', async t => {
	const { hil, run } = await start(t);
	await hil.ok('PUT', '/v0/network/boot2', { owner: 'admin', access: '', net_id: '501' });
	await hil.ok('PUT', '/v0/node/n1/nic/eth1', { macaddr: '02:00:00:00:01:01' });
	await hil.ok('PUT', '/v0/switch/tor/port/gi1/0/9');
	await hil.ok('POST', '/v0/switch/tor/port/gi1/0/9/connect_nic', { node: 'n1', nic: 'eth1' });
	t.regex(
		(await run('provision', 'n1', 'debian', '--nic', 'eth0', '--nic', 'eth1:boot2')).err,
		/on which network is eth0\?/,
	);
	const done = await run('provision', 'n1', 'debian', '--nic', 'eth0:boot', '--nic', 'eth1:boot2');
	t.is(done.code, 0, done.err);
	t.regex((await run('provisioned', 'n1')).out, /boot, by eth0\n\s+boot2, by eth1/);
});

test('what is wrong is said with what to do next', async t => {
	const { home, run } = await start(t);
	t.regex((await run('provision', 'n1')).err, /what is it to boot from\?/);
	await writeFile(path.join(home, 'key'), '-----BEGIN OPENSSH PRIVATE KEY-----\n');
	const key = await run('provision', 'n1', 'debian', '--ssh-key', 'key');
	t.is(key.code, 2);
	t.regex(key.err, /is a private key.*\n {2}try: --ssh-key key\.pub/);
	t.is((await run('provision', 'n1', 'none')).code, 6);
	t.is((await run('rescue', 'n1', '--as', 'blue')).code, 6);
	t.is((await run('provision', 'n1', 'debian', '--project', 'red', '--as', 'blue')).code, 3);
	t.is((await run('deprovision', 'n1')).code, 6);
});

test('nodes, images and disks are completed', async t => {
	const { run, terminal, running, hil } = await start(t);
	await hil.ok('PUT', '/v0/auth/basic/user/alice', { password: 'alice' });
	await hil.ok('POST', '/v0/auth/basic/user/alice/add_project', { project: 'red' });
	const complete = async (...words: string[]) =>
		(await run('__complete', '--', ...words)).out.trim().split('\n');
	t.true((await complete('prov')).includes('provision'));
	t.deepEqual(await complete('provision', ''), ['n1', 'n2']);
	t.deepEqual(await complete('node', 'provision', 'n'), ['n1', 'n2']);
	t.deepEqual(await complete('provision', 'n1', ''), ['red/debian@1']);
	await running(terminal().run('provision', 'n1', 'debian'));
	t.deepEqual(await complete('rescue', ''), ['n1']);
	t.deepEqual(await complete('resume', ''), ['red/n1']);
	t.deepEqual(await complete('provision', 'n2', '--disk', ''), ['red/n1']);
	t.deepEqual(await complete('provision', 'n2', '--network', ''), ['boot']);
});
