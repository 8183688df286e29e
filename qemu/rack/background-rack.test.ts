import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { findChildren } from '../../common/processes/children.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { lowerRack, raiseRack } from './background-rack.ts';
import { askRack, askStatus, openRackConsole } from './control-client.ts';
import { readRackFile } from './rack-file.ts';
import { findRacks, type RackFolders } from './rack-folders.ts';
import { planRack } from './rack-plan.ts';
import { askOf, type RackForTest, rackForTest } from './test-rack.ts';

const test = testNeeding('qemu-system-x86', 'openvswitch-switch');
const execute = promisify(execFile);

/** A rack file is raised with its servers off: what boots is another test's. */
function lifeOf(t: ExecutionContext, { text, file, folders }: RackForTest) {
	const progress: string[] = [];
	const onProgress = (line: string) => void progress.push(line);
	const up = (contents = text, on = false) =>
		raiseRack({ plan: planRack(readRackFile(file, contents)), file, folders, on, onProgress });
	const down = (options: { wipe?: boolean } = {}) =>
		lowerRack({ folders, patienceMs: 500, wipe: options.wipe ?? false, onProgress });
	t.teardown(() => down());
	return { up, down, progress };
}

/** What of the rack is on this machine, by every way in which it could be found. */
async function census(folders: RackFolders) {
	const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
	const links = await readdir('/sys/class/net');
	return {
		processes: (await findChildren(folders.run)).map(({ command }) => command),
		// Its ports and bridges, should they ever be outside of its own network.
		links: links.filter(name => /^(?:ovs-|tap-|[ab]\.\d)/.test(name)),
		namespaces: (await readdir('/run/netns').catch(() => [])).filter(name => name.includes(folders.run)),
		mounts: mounts.filter(line => line.includes(folders.runFolder) || line.includes(folders.stateFolder)),
		folders: (await readdir(join(folders.runFolder, '..')).catch(() => [])).filter(name =>
			name.startsWith(folders.run),
		),
	};
}

/** The number of the network namespace of a rack that is up. */
async function networkOf({ runFolder }: RackFolders): Promise<string> {
	const network = (await askStatus(runFolder))?.switch?.network;
	return (await readlink(network ?? '')).replace(/\D/g, '');
}

/** Nothing of it is there; a network namespace goes a moment after the last process in it. */
async function isGone(t: ExecutionContext, folders: RackFolders, network?: string): Promise<void> {
	t.deepEqual(await census(folders), { processes: [], links: [], namespaces: [], mounts: [], folders: [] });
	for (const end = performance.now() + 15_000; network !== undefined; ) {
		const { stdout } = await execute('lsns', ['--type', 'net', '--noheadings', '--output', 'NS']);
		if (!stdout.includes(network)) break;
		if (performance.now() > end) return t.fail('its network namespace is still there');
		await new Promise(resolve => setTimeout(resolve, 50));
	}
}

async function kill(t: ExecutionContext, { runFolder }: RackFolders): Promise<void> {
	const status = await askStatus(runFolder);
	if (!status) return t.fail('it is not up');
	process.kill(status.supervisor, 'SIGKILL');
	// Its last thread closes what it listens on.
	while (await askStatus(runFolder).catch(() => 'still there'))
		await new Promise(resolve => setTimeout(resolve, 20));
}

test('up twice is one rack; what it is, is told; down leaves nothing but its state', async t => {
	const trial = await rackForTest(t);
	const { folders } = trial;
	const { up, down } = lifeOf(t, trial);
	const [first, second] = await Promise.all([up(), up()]);
	t.is(first.status.supervisor, second.status.supervisor);
	t.deepEqual([first.wasUp, second.wasUp].sort(), [false, true]);
	const { status } = await up();
	t.is(status.supervisor, first.status.supervisor);
	t.is(status.state, 'up');
	t.deepEqual(
		status.nodes.map(({ name, power, watts }) => [name, power, watts]),
		[
			['a', 'Off', 8],
			['b', 'Off', 8],
		],
	);
	t.deepEqual(
		status.switch?.ports.map(({ name, untagged }) => [name, untagged]),
		[
			['a.0', 10],
			['b.0', null],
			['b.1', 20],
		],
	);
	t.true(status.supervisorBytes > 2 ** 24 && status.memoryBytes > status.supervisorBytes);
	await t.throwsAsync(up(trial.text.replace('X1-0002', 'X1-0003')), { code: 'RackChanged' });

	// Every process of it can be found, and none shows a password; what holds one is for its owner only.
	const secrets = JSON.parse(await readFile(status.credentials ?? '', 'utf8'));
	t.is((await stat(status.credentials ?? '')).mode & 0o777, 0o600);
	const children = await findChildren(folders.run);
	t.true(children.some(({ pid }) => pid === status.supervisor));
	for (const { pid, command } of children) {
		const environment = await readFile(`/proc/${pid}/environ`, 'latin1');
		t.false(`${command}${environment}`.includes(secrets.bmcs.a.password));
	}
	const answer = await askOf(status.ca ?? '', secrets.bmcs.b, '/redfish/v1/Systems/system');
	t.like(answer.body, { SerialNumber: 'X1-0002', PowerState: 'Off' });
	t.like((await findRacks(trial.env))[0], { name: 'trial', stateFolder: trial.state });

	const network = await networkOf(folders);
	t.true((await census(folders)).processes.length >= 3);
	t.deepEqual(await down(), { wasUp: true, leftovers: { processes: [], mounts: [] } });
	await isGone(t, folders, network);
	t.is(await askStatus(folders.runFolder), undefined);
	t.true((await readdir(trial.state)).includes('credentials.json'));
	t.deepEqual(await down({ wipe: true }), { wasUp: false, leftovers: { processes: [], mounts: [] } });
	await t.throwsAsync(stat(trial.state), { code: 'ENOENT' });
});

test('a rack that is killed leaves nothing that down, or the next up, does not remove', async t => {
	const trial = await rackForTest(t);
	const { folders } = trial;
	const { up, down, progress } = lifeOf(t, trial);
	const first = await up(trial.text, true);
	t.true(first.status.nodes.every(({ power, memoryBytes }) => power === 'On' && memoryBytes > 2 ** 23));
	t.true((await findChildren(folders.run)).length >= 5, 'supervisor, two of the switch, two machines');
	// Something of the rack that does not know its parent is gone, and something mounted.
	await mkdir(join(folders.runFolder, 'mounted'));
	await execute('mount', ['-t', 'tmpfs', 'none', join(folders.runFolder, 'mounted')]);
	await writeFile(join(folders.runFolder, 'mounted', 'kept'), '');
	const network = await networkOf(folders);
	await kill(t, folders);
	const removed = await down();
	t.false(removed.wasUp, progress.at(-1));
	t.is(removed.leftovers.mounts.length, 1);
	await isGone(t, folders, network);

	await up();
	const second = await networkOf(folders);
	await kill(t, folders);
	const again = await up();
	const third = await networkOf(folders);
	t.false(again.wasUp);
	t.is(again.status.state, 'up');
	t.deepEqual(
		again.status.nodes.map(({ power }) => power),
		['Off', 'Off'],
		'machines that lost their power with the supervisor stay off until they are switched on',
	);
	t.true((await down()).wasUp);
	await isGone(t, folders, second);
	await isGone(t, folders, third);
});

test('a supervisor that stands still is ended all the same', async t => {
	const trial = await rackForTest(t);
	const { up, down } = lifeOf(t, trial);
	const { status } = await up();
	const network = await networkOf(trial.folders);
	process.kill(status.supervisor, 'SIGSTOP');
	const children = await findChildren(trial.folders.run);
	t.true(children.length >= 3);
	const { leftovers } = await lowerRack({
		folders: trial.folders,
		patienceMs: 0,
		wipe: false,
		onProgress: () => undefined,
		answerWithinMs: 1000,
	});
	t.is(leftovers.processes.length, children.length);
	await down();
	await isGone(t, trial.folders, network);
});

test('a console is typed on by who attaches, and shows what was said before', async t => {
	const trial = await rackForTest(t);
	const { up, down } = lifeOf(t, trial);
	await up(trial.text, true);
	const opened = await openRackConsole(trial.folders.runFolder, 'b');
	if (!opened) return t.fail('it is not up');
	let shown = '';
	const boots = (count: number) =>
		new Promise<void>((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`only: ${shown}`)), 60_000);
			opened.onData(bytes => {
				shown += bytes.toString('latin1');
				if (shown.split('booted from H').length <= count) return;
				clearTimeout(timer);
				resolve();
			});
		});
	const second = boots(2);
	// The test's guest reboots at an r.
	opened.send(Buffer.from('r'));
	await second;
	await t.throwsAsync(openRackConsole(trial.folders.runFolder, 'c'), {
		code: 'NodeUnknown',
		message: /a, b/,
	});
	await down();
	await opened.closed;
	t.is(await openRackConsole(trial.folders.runFolder, 'b'), undefined);
});

test('a start that fails says why, and leaves nothing', async t => {
	const trial = await rackForTest(t);
	const { up } = lifeOf(t, trial);
	const other = await rackForTest(t, 'other');
	const life = lifeOf(t, other);
	const { status } = await life.up();
	const port = new URL(status.pdu?.url ?? '').port;
	await t.throwsAsync(up(`${trial.text}pduPort: ${port}\n`), { code: 'PortTaken' });
	await life.down();
	await isGone(t, trial.folders);
	t.false(await askRack(trial.folders.runFolder, { do: 'up', on: false }));
});

test('only a state folder is wiped', async t => {
	const trial = await rackForTest(t);
	const { down } = lifeOf(t, trial);
	await mkdir(trial.state);
	await writeFile(join(trial.state, 'precious'), 'x');
	await t.throwsAsync(down({ wipe: true }), { code: 'StateForeign' });
	t.is(await readFile(join(trial.state, 'precious'), 'utf8'), 'x');
});
