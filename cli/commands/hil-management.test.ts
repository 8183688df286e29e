// Power, boot device, console and release from the command line: what waits for another party says so.
import test from 'ava';
import { startHilTerminal } from '../hil/test-hil.ts';

async function start(t: Parameters<typeof startHilTerminal>[0]) {
	const bench = await startHilTerminal(t);
	await bench.hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' });
	await bench.hil.ok('PUT', '/v0/node/n1/obm', { enabled: true });
	return { ...bench, machine: bench.obm.at('https://p/bmc/n1') };
}

test('power and boot device are set at once, or wait for who is named', async t => {
	const { run, machine, obm, terminal } = await start(t);
	t.is((await run('node', 'power', 'n1', 'status', '--as', 'red')).out, 'n1 is on.\n');
	t.is((await run('node', 'power', 'n1', 'off', '--as', 'red')).out, 'n1 is powered off.\n');
	t.is(machine.power, 'off');
	t.is((await run('node', 'power', 'n1', 'cycle', '--force', '--as', 'red')).code, 0);
	t.is((await run('node', 'boot', 'n1', 'disk', '--as', 'red')).out, 'n1 boots from disk.\n');
	t.deepEqual(machine.done, ['off', 'force-cycle', 'boot disk']);

	machine.mustWait = true;
	const waits = await run('node', 'power', 'n1', 'off', '--as', 'red');
	t.is(waits.code, 4);
	t.snapshot(waits.out, 'waiting');
	const json = await run('node', 'boot', 'n1', 'pxe', '--as', 'red', '--json');
	t.is(json.code, 4);
	t.like(JSON.parse(json.out), { status: 'PENDING', message: 'boot_device of n1 waits for CP.' });
	const shown = (await run('node', 'show', 'n1', '--as', 'red')).out;
	t.regex(shown, /^pending +power_off, waits for CP \(\S+\)$/m);
	t.regex(shown, /^pending +boot_device, waits for CP \(\S+\)$/m);

	for (const [isApproved, code, text] of [
		[true, 0, /^n1 is powered off\.$/m],
		[false, 3, /^Not done/],
	] as const) {
		const request = `request-${obm.requests.size + 1}`;
		// Decided once it is shown that it waits.
		const user = terminal({
			onError: shown => shown.includes('power_off of n1 waits for CP') && obm.decide(request, isApproved),
		});
		const ran = await user.run('node', 'power', 'n1', 'off', '--wait', '--as', 'red');
		t.is(ran.code, code, ran.err);
		t.regex(ran.out, text);
	}
	t.is((await run('node', 'power', 'n1', 'up', '--as', 'red')).code, 2);
	t.is((await run('node', 'console', 'n1', '--as', 'red')).code, 1, 'these machines have none');
});

test('a release tells its steps, whom it waits for, and what came of it', async t => {
	const { run, machine, obm, hil } = await start(t);
	await run('network', 'create', 'inner', '--as', 'red');
	await run('node', 'connect', 'n1', 'eth0', 'inner', '--as', 'red');
	machine.mustWait = true;
	const releasing = run('node', 'release', 'n1', '--as', 'red');
	while (obm.requests.size === 0) await new Promise(resolve => setImmediate(resolve));
	machine.mustWait = false;
	obm.decide('request-1', true);
	const ran = await releasing;
	t.is(ran.code, 0, ran.err);
	t.is(ran.out, 'n1: free\n');
	t.true(ran.err.startsWith('n1: switching it off'), ran.err);
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: null, tagged: [] });
	t.is(machine.bootDevice, 'none');
	const again = await run('node', 'release', 'n1', '--as', 'admin');
	t.is(again.code, 8);
	t.regex(again.err, /n1 is free already; nothing was released/);

	await run('node', 'take', 'red', 'n1', 'n2', '--as', 'red');
	obm.at('https://p/bmc/n2').mustWait = true;
	const partly = await run('node', 'release', 'n2', 'n2', '--as', 'red');
	t.is(partly.code, 8);
	t.regex(partly.err, /^bimetal: n2 leaves already; that goes on\nbimetal: Node n2 is leaving already\./);
	while (obm.requests.size < 2) await new Promise(resolve => setImmediate(resolve));
	machine.power = 'on';
	machine.mustWait = true;
	const denied = run('node', 'release', 'n1', '--as', 'red', '--json');
	while (obm.requests.size === 2) await new Promise(resolve => setImmediate(resolve));
	obm.decide('request-3', false);
	const answer = await denied;
	t.is(answer.code, 3, answer.err);
	const [departure] = JSON.parse(answer.out).departures;
	t.like(departure, { status: 'ERROR', project: 'red', error: 'the power-off was not approved' });
});

test('whom a release waits for is shown while it waits', async t => {
	const { hil, machine, terminal, obm } = await start(t);
	machine.mustWait = true;
	let seen = (): void => undefined;
	const shown = new Promise<void>(resolve => {
		seen = resolve;
	});
	const user = terminal({ onError: text => text.includes('waits for CP') && seen() });
	const running = user.run('node', 'release', 'n1', '--as', 'red');
	await shown;
	user.interrupt.abort();
	const ran = await running;
	t.is(ran.code, 130);
	t.regex(ran.err, /^n1: switching it off: waits for CP$/m);
	t.regex(ran.err, /try: bimetal node list — what hil was asked already goes on/);
	t.is(obm.requests.get('request-1'), 'waiting');
	await hil.departures.idle();
});

test('a console is shown until it ends, or until Ctrl-C', async t => {
	const isEnded: boolean[] = [];
	const { hil, run, terminal } = await startHilTerminal(t, 1, {
		openConsole: async (_uri, signal) => ({
			kind: 'open',
			output: (async function* () {
				yield Buffer.from(`boot ${isEnded.length + 1}\r\n`);
				if (isEnded.length > 0)
					await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
				isEnded.push(signal.aborted);
			})(),
		}),
	});
	await hil.ok('PUT', '/v0/node/n1/obm', { enabled: true });
	const whole = await run('node', 'console', 'n1', '--as', 'admin');
	t.is(whole.code, 0, whole.err);
	t.is(whole.out, 'boot 1\r\n');
	t.regex(whole.err, /what n1 shows from now on; Ctrl-C ends it\n\nbimetal: the console has ended\n$/);

	const user = terminal();
	user.context.stdout.on('data', () => user.interrupt.abort());
	const cut = await user.run('node', 'console', 'n1', '--as', 'admin');
	t.is(cut.code, 0, cut.err);
	t.is(cut.out, 'boot 2\r\n');
	while (isEnded.length < 2) await new Promise(resolve => setImmediate(resolve));
	t.deepEqual(isEnded, [false, true], 'the service lets the console go when its reader has gone');
});
