import { once } from 'node:events';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import type { PortState } from '../../core/actions.ts';
import type { PendingAction } from '../../model/action.ts';
import { carryOut, type Outcome } from '../../network/carry-out.ts';
import { startSshServer } from '../transport/ssh-server.fixture.ts';
import { createJunosBench, type JunosBench, thePort } from './driver.fixture.ts';
import { createJunos } from './driver.ts';

const nothing: PortState = { native: null, tagged: [] };
const before: PortState = { native: 10, tagged: [] };
const wanted: PortState = { native: null, tagged: [20, 30] };
const no = { tag: 'operation-failed', message: 'not today' };

/** What the driver does for a change, in its order. */
const steps = ['lock', 'get-configuration', 'edit-config', 'commit', 'unlock'] as const;

/** The code and message of what was thrown. */
async function faultOf(work: Promise<unknown>): Promise<{ code: string; message: string }> {
	try {
		await work;
	} catch (fault) {
		const { code = 'none', message } = fault as { code?: string; message: string };
		return { code, message };
	}
	return { code: 'nothing was thrown', message: '' };
}

const plan = {
	kind: 'change',
	port: thePort,
	before,
	wanted,
	action: { attempts: 0 } as PendingAction,
} as const;
/** What a worker makes of a change from `before` to `wanted`. */
const asWorker = ({ driver }: JunosBench): Promise<Outcome> =>
	carryOut(plan, {
		driver,
		clock: systemClock,
		timeout: 60_000,
		signal: new AbortController().signal,
		onSet: () => undefined,
		onAnswer: () => undefined,
	});

for (const step of steps) {
	for (const when of ['before', 'after'] as const) {
		test(`the connection breaks ${when} the switch does <${step}>: all or nothing of the change is there`, async t => {
			const bench = await createJunosBench(t);
			await bench.set(before);
			bench.simulator.trouble.set(step, { kind: 'cut', when });
			const { code } = await faultOf(bench.set(wanted));
			t.is(code, step === 'unlock' ? 'nothing was thrown' : 'SwitchAway');
			const isDone = step === 'unlock' || (step === 'commit' && when === 'after');
			t.deepEqual(bench.carried(), isDone ? ['20t', '30t'] : ['10']);
			t.deepEqual(await bench.read(), isDone ? wanted : before, 'and the driver goes on by itself');
			t.true(bench.isClean(), 'the switch took back what was not committed');
			await bench.set(wanted);
			t.deepEqual(bench.carried(), ['20t', '30t']);
		});
	}

	test(`<${step}> is refused: nothing is left behind on the switch`, async t => {
		const bench = await createJunosBench(t);
		await bench.set(before);
		bench.simulator.trouble.set(step, { kind: 'refuse', complaint: no });
		const { code, message } = await faultOf(bench.set(wanted));
		if (step === 'unlock') {
			t.is(code, 'nothing was thrown', 'it is committed');
			t.deepEqual(bench.carried(), ['20t', '30t']);
		} else {
			t.is(code, 'SwitchRefused');
			t.regex(message, /not today/);
			t.deepEqual(bench.carried(), ['10']);
		}
		await bench.read();
		t.true(bench.isClean());
		await bench.set(before);
		t.deepEqual(bench.carried(), ['10']);
	});

	test(`the session ends behind <${step}>: nothing is edited in another one, which has no lock`, async t => {
		const bench = await createJunosBench(t);
		await bench.set(before);
		bench.simulator.trouble.set(step, { kind: 'end' });
		const { code } = await faultOf(bench.set(wanted));
		const isDone = step === 'commit' || step === 'unlock';
		t.is(code, isDone ? 'nothing was thrown' : 'SwitchAway');
		t.is(bench.simulator.seen.at(-1), step);
		t.deepEqual(bench.carried(), isDone ? ['20t', '30t'] : ['10']);
		await untilThere(() => bench.set(wanted));
		t.deepEqual(bench.carried(), ['20t', '30t']);
		t.true(bench.isClean());
	});

	test(`<${step}> is never answered: given up, the driver changes nothing more`, async t => {
		const bench = await createJunosBench(t);
		await bench.set(before);
		const given = new AbortController();
		bench.simulator.trouble.set(step, { kind: 'silent' });
		const arrived = once(bench.simulator.arrivals, step);
		const change = faultOf(bench.set(wanted, thePort, given.signal));
		await arrived;
		given.abort(new Error('given up'));
		t.is((await change).message, 'given up');
		t.is(bench.simulator.seen.at(-1), step, 'nothing was sent after that');
		const isDone = step === 'unlock' || step === 'commit';
		t.deepEqual(bench.carried(), isDone ? ['20t', '30t'] : ['10']);
		t.deepEqual(await bench.read(), isDone ? wanted : before);
		t.true(bench.isClean());
	});
}

const reply = (inside: string): string =>
	`<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="ID">${inside}</rpc-reply>]]>]]>`;

for (const [what, raw, words] of [
	['no XML', 'panic: kernel trap]]>]]>', /does not speak NETCONF as it should/],
	['an element left open', reply('<routing-engine><ok/>'), /does not speak NETCONF as it should/],
	['without end', 'x'.repeat(9 * 1024 * 1024), /longer than 8388608 bytes/],
	['neither yes nor no', reply(''), /does not say whether it has done <commit>/],
] as const) {
	test(`an answer to the commit that is ${what}: the switch counts as away, then is read`, async t => {
		const bench = await createJunosBench(t);
		await bench.set(before);
		// The commit is the sixth request of a change, before its unlock.
		const id = String(bench.simulator.seen.length + 6);
		bench.simulator.trouble.set('commit', { kind: 'raw', bytes: raw.replace('ID', id) });
		const { code, message } = await faultOf(bench.set(wanted));
		t.is(code, 'SwitchAway');
		t.regex(message, words);
		t.deepEqual(await bench.read(), wanted);
		t.true(bench.isClean());
	});
}

test('a switch that commits and says no: the port is put back, and seen to be, before the change has failed', async t => {
	const bench = await createJunosBench(t);
	await bench.set(before);
	bench.simulator.trouble.set('commit', { kind: 'lie', complaint: no });
	const outcome = await asWorker(bench);
	t.is(outcome.kind, 'refused');
	t.deepEqual(bench.carried(), ['10']);
	t.true(bench.isClean());
});

test('a worker whose commit was not answered tries again and finds it done, without another commit', async t => {
	const bench = await createJunosBench(t);
	await bench.set(before);
	const { commits } = bench.simulator.device;
	bench.simulator.trouble.set('commit', { kind: 'cut', when: 'after' });
	t.like(await asWorker(bench), { kind: 'open', isAway: true });
	t.is((await asWorker(bench)).kind, 'done');
	t.is(bench.simulator.device.commits, commits + 1);
});

test('somebody else has the lock: away, with his name, and his session is left alone', async t => {
	const bench = await createJunosBench(t);
	await bench.set(before);
	const { device, seen } = bench.simulator;
	const other = device.open('operator');
	device.lock(other);
	const { code, message } = await faultOf(bench.set(wanted));
	t.is(code, 'SwitchAway');
	t.regex(
		message,
		/is being configured by somebody else: configuration database locked by: operator terminal \(pid \d+\) .* exclusive$/,
	);
	t.false(seen.includes('kill-session'));
	t.is(device.lockedBy, other);
	t.deepEqual(await bench.read(), before, 'reading needs no lock');
	device.leave(other);
	await bench.set(wanted);
	t.deepEqual(bench.carried(), ['20t', '30t']);
});

for (const [what, begin] of [
	['changes that nobody has committed', 'edit'],
	['a private copy', 'private'],
] as const) {
	test(`somebody else has ${what}: away, and they stay`, async t => {
		const bench = await createJunosBench(t);
		const { device } = bench.simulator;
		const other = device.open('operator');
		if (begin === 'private') device.openPrivately(other);
		else device.edit(other, [{ name: 'system', namespace: '', attributes: {}, text: '', children: [] }]);
		device.edit(other, [{ ...element('system'), children: [{ ...element('host-name'), text: 'new' }] }]);
		const mine = JSON.stringify(other.privately?.copy ?? device.candidate);
		t.is((await faultOf(bench.set(wanted))).code, 'SwitchAway');
		t.is(JSON.stringify(other.privately?.copy ?? device.candidate), mine);
		device.commit(other);
		device.leave(other);
		await bench.set(wanted);
		t.deepEqual(bench.carried(), ['20t', '30t']);
	});
}
const element = (name: string) => ({ name, namespace: '', attributes: {}, text: '', children: [] });

test('a session that a killed process left behind: away until the switch ends it, then done', async t => {
	const bench = await createJunosBench(t);
	const gone = bench.another();
	bench.simulator.trouble.set('commit', { kind: 'silent' });
	const given = new AbortController();
	const arrived = once(bench.simulator.arrivals, 'commit');
	const left = faultOf(gone.setPort('ge-0/0/5', wanted, given.signal));
	await arrived;
	t.is((await faultOf(bench.set(wanted))).code, 'SwitchAway');
	t.is((await faultOf(bench.set(wanted))).code, 'SwitchAway');
	bench.simulator.ssh.cut();
	t.is((await left).code, 'SwitchAway');
	await untilThere(() => bench.set(wanted));
	t.deepEqual(bench.carried(), ['20t', '30t']);
	t.deepEqual(bench.carried('ge-0/0/5'), ['20t', '30t']);
});

test('a commit that was given up and goes on: nobody gets the lock before it is over, so it overtakes nothing', async t => {
	const bench = await createJunosBench(t);
	await bench.set(before);
	const given = new AbortController();
	bench.simulator.trouble.set('commit', { kind: 'late' });
	const arrived = once(bench.simulator.arrivals, 'commit');
	const change = faultOf(bench.set(wanted, thePort, given.signal));
	await arrived;
	given.abort(new Error('given up'));
	await change;
	t.deepEqual(await bench.read(), before, 'not yet');
	const { code, message } = await faultOf(bench.set(nothing));
	t.is(code, 'SwitchAway');
	t.regex(message, /configuration database locked by: hil terminal/);
	bench.simulator.finish();
	t.deepEqual(bench.carried(), ['20t', '30t']);
	await untilThere(() => bench.set(nothing));
	t.deepEqual(bench.carried(), []);
	t.true(bench.isClean());
});

test('sessions that the switch ends, one way or the other, are opened anew', async t => {
	const bench = await createJunosBench(t);
	await bench.set(before);
	for (const end of [
		() => bench.simulator.ssh.cut(),
		() => bench.simulator.restart(),
		() => bench.driver.close(),
	]) {
		await end();
		t.deepEqual(await untilThere(() => bench.read()), before);
	}
});

/** Again while the switch is away, as a worker does it: this side learns later than the other that a connection has ended. */
async function untilThere<R>(work: () => Promise<R>): Promise<R> {
	for (;;) {
		try {
			return await work();
		} catch (fault) {
			if ((fault as { code?: string }).code !== 'SwitchAway') throw fault;
			await new Promise(resolve => setImmediate(resolve));
		}
	}
}

test('too many sessions: away until there is room', async t => {
	const bench = await createJunosBench(t, { limit: 1 });
	await bench.read();
	const second = bench.another();
	const { signal } = new AbortController();
	t.is((await faultOf(second.readPort(thePort, signal))).code, 'SwitchAway');
	await bench.driver.close();
	t.deepEqual(await untilThere(() => second.readPort(thePort, signal)), nothing);
});

test('two drivers at once: what each was told to be done is on the switch, whole', async t => {
	const bench = await createJunosBench(t);
	const { signal } = new AbortController();
	const drivers = [bench.driver, bench.another(), bench.another()];
	for (let round = 0; round < 5; round++) {
		const results = await Promise.allSettled(
			drivers.map((driver, index) =>
				driver.setPort(`ge-0/0/${index}`, { native: null, tagged: [100 + round, 200 + index] }, signal),
			),
		);
		for (const [index, result] of results.entries()) {
			if (result.status === 'rejected') t.is((result.reason as { code: string }).code, 'SwitchAway');
			else t.deepEqual(bench.carried(`ge-0/0/${index}`), [`${100 + round}t`, `${200 + index}t`]);
		}
		t.true(results.some(({ status }) => status === 'fulfilled'));
		t.true(bench.isClean());
	}
});

test('a wrong password, an unknown host key, no NETCONF there: away, and the password stands in no error', async t => {
	const bench = await createJunosBench(t);
	const { signal } = new AbortController();
	const wrong = await faultOf(bench.another({ password: 'guessed wrong' }).readPort(thePort, signal));
	t.is(wrong.code, 'SwitchAway');
	t.notRegex(wrong.message, /guessed/);
	const { ssh, username, password } = bench.simulator;
	const settings = { hostname: `127.0.0.1:${ssh.port}`, username, password };
	for (const knownHosts of [
		undefined,
		(await anotherKey(t)).knownHostsLine.replace(/\]:\d+/, `]:${ssh.port}`),
	]) {
		const stranger = createJunos({ knownHosts }).open(settings);
		const { code, message } = await faultOf(stranger.readPort(thePort, signal));
		t.is(code, 'SwitchAway');
		t.regex(message, /shows the host key SHA256:/);
		t.notRegex(message, /open sesame/);
	}
	const plain = await anotherKey(t);
	const noNetconf = createJunos({ knownHosts: plain.knownHostsLine }).open({
		...settings,
		hostname: `127.0.0.1:${plain.port}`,
	});
	t.is((await faultOf(noNetconf.readPort(thePort, signal))).code, 'SwitchAway');
	await noNetconf.close();
});

/** Another server, without NETCONF. */
async function anotherKey(t: { teardown(fn: () => unknown): void }) {
	const server = await startSshServer({ username: 'hil', password: 'open sesame' });
	t.teardown(() => server.close());
	return server;
}

test('an account that may only look: refused, in words', async t => {
	const bench = await createJunosBench(t, { isReadOnly: true });
	t.deepEqual(await bench.read(), nothing);
	const { code, message } = await faultOf(bench.set(wanted));
	t.is(code, 'SwitchRefused');
	t.regex(message, /permission denied/);
});

test('NETCONF that is not that of Junos is refused', async t => {
	const greeting =
		'<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0' +
		'</capability></capabilities><session-id>1</session-id></hello>]]>]]>';
	const bench = await createJunosBench(t, { greeting });
	t.like(await faultOf(bench.read()), { code: 'SwitchRefused' });
});

test('warnings do not hinder a change', async t => {
	const bench = await createJunosBench(t);
	for (const step of ['edit-config', 'commit'])
		bench.simulator.trouble.set(step, { kind: 'warn', message: 'mgd: statement is deprecated' });
	await bench.set(wanted);
	t.deepEqual(bench.carried(), ['20t', '30t']);
});

test('hardware that follows later is waited for; hardware that never does makes the change one that was not made', async t => {
	const late = await createJunosBench(t, { lag: 5 });
	await late.set(before);
	t.deepEqual(await late.read(), before);
	await late.set(wanted);
	t.deepEqual(await late.read(), wanted);
	const never = await createJunosBench(t, { lag: Number.POSITIVE_INFINITY, configuration: inVlan10 });
	await never.set(wanted);
	const { code, message } = await faultOf(never.read());
	t.is(code, 'SwitchDeaf');
	t.regex(message, /configured to carry tagged 20 and 30, and its hardware has VLANs 10$/);
	await never.set(nothing);
	t.is((await faultOf(never.read())).code, 'SwitchDeaf', 'still open in the hardware');
});

const inVlan10 =
	'<vlans><vlan><name>v10</name><vlan-id>10</vlan-id></vlan></vlans><interfaces><interface><name>ge-0/0/1</name><unit>' +
	'<name>0</name><family><ethernet-switching><vlan><members>10</members></vlan></ethernet-switching></family></unit></interface></interfaces>';

test('where the request for the hardware is not known, the command is tried; without either the switch is refused', async t => {
	const bench = await createJunosBench(t);
	const unknown = {
		kind: 'refuse',
		complaint: { tag: 'operation-failed', message: 'syntax error' },
	} as const;
	bench.simulator.trouble.set('get-ethernet-switching-interface-information', unknown);
	t.deepEqual(await bench.read(), nothing);
	t.is(bench.simulator.seen.at(-1), 'command');
	bench.simulator.trouble.set('get-ethernet-switching-interface-information', unknown);
	bench.simulator.trouble.set('command', unknown);
	t.is((await faultOf(bench.read())).code, 'SwitchRefused');
});
