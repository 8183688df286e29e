import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import plain from 'ava';
import { rackStatus } from '../../qemu/rack/control-protocol.ts';
import { rackForTest } from '../../qemu/rack/test-rack.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { createTerminal } from '../test-terminal.ts';

const test = testNeeding('qemu-system-x86', 'openvswitch-switch');

plain('without a rack: status says how to start one, down has nothing to do', async t => {
	const trial = await rackForTest(t);
	const terminal = createTerminal({ env: trial.env, cwd: dirname(trial.file) });
	const status = await terminal.run('qemu', 'rack', 'status');
	t.is(status.code, 6);
	t.regex(status.err, /no rack is up\n {2}try: bimetal qemu rack up FILE/);
	t.is((await terminal.run('qemu', 'rack', 'console', 'a')).code, 6);
	const down = await terminal.run('qemu', 'rack', 'down');
	t.deepEqual([down.code, down.out], [0, 'No rack is up.\n']);
	t.is((await terminal.run('qemu', 'rack', 'down', '--timeout', 'soon')).code, 2);
});

plain('a file that is wrong starts nothing, and every problem of it is told', async t => {
	const trial = await rackForTest(t);
	const terminal = createTerminal({ env: trial.env, cwd: dirname(trial.file) });
	await writeFile(trial.file, 'name: Trial\nnodes: 0\n');
	const up = await terminal.run('qemu', 'rack', 'up', 'rack.yaml');
	t.is(up.code, 2);
	t.regex(up.err, /rack.yaml:1:7: "name"[\s\S]*rack.yaml:2:8: "nodes"/);
	t.is((await terminal.run('qemu', 'rack', 'up', 'none.yaml')).code, 2);
});

test('up, status, completion, console, down', async t => {
	const trial = await rackForTest(t);
	const options = { env: trial.env, cwd: dirname(trial.file) };
	const terminal = createTerminal(options);
	await writeFile(trial.file, trial.text);
	t.teardown(() => createTerminal(options).run('qemu', 'rack', 'down', '--timeout', '0s'));
	const up = await terminal.run('qemu', 'rack', 'up', 'rack.yaml', '--state', 'state');
	t.is(up.code, 0, up.err);
	t.regex(up.out, /^trial is up\.\n/);
	t.regex(up.out, /^a +On +\d+ +\d+ MiB +https:\/\/127\.0\.0\.1:\d+ +02(?::[0-9a-f]{2}){5} \(10\)/m);
	t.regex(up.out, /02:00:00:00:00:0b \(none\), 02(?::[0-9a-f]{2}){5} \(20\)/);
	t.regex(up.err, /trial: switching on: 0 of 2 servers have booted, a starts/);
	const again = await terminal.run('qemu', 'rack', 'up', 'rack.yaml', '--state', 'state', '--json');
	t.true(JSON.parse(again.out).wasUp);
	await writeFile(trial.file, trial.text.replace('X1-0002', 'X1-0003'));
	const changed = await terminal.run('qemu', 'rack', 'up', 'rack.yaml', '--state', 'state');
	t.is(changed.code, 8);
	t.regex(
		changed.err,
		/from another description.*\n {2}try: bimetal qemu rack down, and then the same again/,
	);

	const status = rackStatus.parse(JSON.parse((await terminal.run('qemu', 'rack', 'status', '--json')).out));
	t.deepEqual(
		status.nodes.map(({ name, power }) => [name, power]),
		[
			['a', 'On'],
			['b', 'On'],
		],
	);
	t.is(
		(await terminal.run('qemu', 'rack', 'vlan', 'b.0', '30,31t,32t')).out,
		'b.0 carries VLAN 30,31t,32t.\n',
	);
	t.is((await terminal.run('qemu', 'rack', 'vlan', 'b.1', 'none')).code, 0);
	t.regex((await terminal.run('qemu', 'rack', 'status')).out, /0b \(30,31t,32t\), 02\S+ \(none\)/);
	t.is((await terminal.run('qemu', 'rack', 'vlan', 'c.0', '10')).code, 6);
	t.is((await terminal.run('qemu', 'rack', 'vlan', 'b.0', '4095')).code, 9);
	t.is((await terminal.run('qemu', 'rack', 'vlan', 'b.0', '10,20')).code, 2);
	t.is((await terminal.run('qemu', 'rack', 'vlan', 'b.0', 'all')).code, 2);
	t.is((await terminal.run('__complete', '--', 'qemu', 'rack', 'console', '')).out, 'a\nb\n');

	// A terminal: r reboots the test's guest, Ctrl-] leaves.
	const screen = createTerminal({ ...options, tty: true });
	const modes: boolean[] = [];
	Object.assign(screen.stdin, { setRawMode: (raw: boolean) => modes.push(raw) });
	const shown: Buffer[] = [];
	screen.context.stdout.on('data', (bytes: Buffer) => shown.push(bytes));
	const boots = () => Buffer.concat(shown).toString('latin1').split('booted from H').length - 1;
	const typing = screen.run('qemu', 'rack', 'console', 'b');
	for (const end = performance.now() + 60_000; boots() < 1 && performance.now() < end; ) await sleep(50);
	screen.stdin.write('r');
	for (const end = performance.now() + 60_000; boots() < 2 && performance.now() < end; ) await sleep(50);
	screen.stdin.write('\x1dr');
	const left = await typing;
	t.is(left.code, 0);
	t.deepEqual(modes, [true, false]);
	t.is(boots(), 2);
	t.regex(left.err, /Console closed: left\./);
	t.is((await terminal.run('qemu', 'rack', 'console', 'c')).code, 6);

	const down = await terminal.run('qemu', 'rack', 'down', '--timeout', '0s', '--wipe');
	t.is(down.code, 0);
	t.is(down.out, `The rack is down.\nDeleted ${trial.state}.\n`);
});
