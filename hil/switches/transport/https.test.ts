import { createServer } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { FakeClock, systemClock } from '../../../common/clock.ts';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { listen } from '../../../common/http/listen.ts';
import { createAuthority } from '../../../common/identity/site-ca.ts';
import { createHttps, type HttpsSwitch, httpsSettings } from './https.ts';
import type { HttpsCall } from './https-exchange.ts';
import { account, type HttpsSimulator, startHttpsSimulator } from './https-simulator.fixture.ts';

const { signal } = new AbortController();
const read: HttpsCall = { method: 'GET', path: '/', isChange: false };
const change: HttpsCall = { method: 'POST', path: '/', body: 'change', isChange: true };

interface Bench {
	readonly simulator: HttpsSimulator;
	readonly clock: FakeClock;
	readonly device: HttpsSwitch;
	open(other?: Partial<typeof account> & { readonly hostname?: string }): HttpsSwitch;
}

async function setUp(
	t: ExecutionContext,
	options: { ca?: string; certifiedFor?: string } = {},
): Promise<Bench> {
	const simulator = await startHttpsSimulator(() => ({ status: 200, body: 'hello' }), options.certifiedFor);
	const clock = new FakeClock();
	const https = createHttps({ ca: options.ca ?? simulator.ca, knownHosts: undefined }, { clock });
	const open: Bench['open'] = other => {
		const device = https.open({
			hostname: simulator.host,
			...account,
			largestAnswer: 1_000_000,
			...other,
		});
		t.teardown(() => device.close());
		return device;
	};
	t.teardown(simulator.close);
	return { simulator, clock, device: open(), open };
}

async function failure(t: ExecutionContext, promise: Promise<unknown>): Promise<BimetalError> {
	const fault = await t.throwsAsync(promise);
	t.true(fault instanceof BimetalError, String(fault));
	t.notRegex(fault?.message ?? '', /correct|horse/);
	return fault as BimetalError;
}

test('calls go over one connection, with the account in a header alone', async t => {
	const { device, simulator } = await setUp(t);
	for (let call = 0; call < 3; call++) t.is((await device.ask(change, signal)).body, 'hello');
	t.is(simulator.connections, 1);
	t.true(simulator.requests.every(({ path, body }) => !/hil|horse/.test(path + body)));
});

test('a switch that the site does not know is sent nothing', async t => {
	const stranger = await createAuthority({ name: 'somebody else', clock: systemClock });
	const { device, simulator } = await setUp(t, { ca: stranger.certificatePem });
	const fault = await failure(t, device.ask(read, signal));
	t.is(fault.code, 'SwitchAway');
	t.regex(fault.message, /certificate of 127\.0\.0\.1.* is not believed .*switches\.ca/);
	t.is(simulator.requests.length + simulator.turnedAway, 0);
});

test('a certificate for another switch is not believed', async t => {
	const { device, simulator } = await setUp(t, { certifiedFor: '127.0.0.9' });
	const fault = await failure(t, device.ask(read, signal));
	t.regex(fault.message, /is not believed \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
	t.is(simulator.requests.length + simulator.turnedAway, 0);
});

test('a wrong account is refused, in words that say so', async t => {
	const { open, simulator } = await setUp(t);
	const fault = await failure(t, open({ password: 'correct horses' }).ask(change, signal));
	t.is(fault.code, 'SwitchRefused');
	t.regex(fault.message, /does not let hil in \(401\)/);
	t.is(simulator.requests.length, 0);
});

test('nobody there, no TLS there, an answer cut off and one without an end: the switch is away', async t => {
	const { device, simulator, open } = await setUp(t);
	for (const kind of ['cut before', 'cut after', 'endless'] as const) {
		simulator.fault = () => ({ kind });
		t.is((await failure(t, device.ask(read, signal))).code, 'SwitchAway', kind);
	}
	simulator.fault = undefined;
	t.is((await device.ask(read, signal)).body, 'hello', 'and back again');
	const plain = await listen(createServer(), { host: '127.0.0.1', port: 0 });
	t.teardown(() => plain.close(0));
	const noTls = open({ hostname: `127.0.0.1:${plain.port}` });
	t.regex((await failure(t, noTls.ask(read, signal))).message, /does not speak TLS as it must/);
	// Nobody is at port 1 (tcpmux).
	const nobody = open({ hostname: '127.0.0.1:1' });
	t.regex(
		(await failure(t, nobody.ask(read, signal))).message,
		/127\.0\.0\.1:1 did not answer \(ECONNREFUSED\)/,
	);
});

test('nothing is sent while a change that was given up has no answer, by whomever', async t => {
	const { device, open, simulator } = await setUp(t);
	let letGo = (): void => undefined;
	const until = new Promise<void>(resolve => {
		letGo = resolve;
	});
	const arrived = new Promise<void>(resolve => {
		simulator.fault = ({ body }) => {
			if (body !== 'change') return undefined;
			resolve();
			return { kind: 'slow', until };
		};
	});
	const impatience = new AbortController();
	const slow = device.ask(change, impatience.signal);
	await arrived;
	impatience.abort(new Error('no answer within 30000 ms'));
	await t.throwsAsync(slow, { message: 'no answer within 30000 ms' });
	await device.close();
	const next = open();
	const early = new AbortController();
	const tooEarly = next.ask(read, early.signal);
	early.abort(new Error('still waiting'));
	await t.throwsAsync(tooEarly, { message: 'still waiting' });
	const reading = next.ask(read, signal);
	await pass(t, simulator);
	t.deepEqual(ofOurs(simulator), []);
	letGo();
	t.is((await reading).body, 'hello');
	t.deepEqual(ofOurs(simulator), ['POST', 'GET']);
});

/** Several calls of somebody who is not held back: whoever else is not is here before they end. */
async function pass(t: ExecutionContext, { host, ca }: HttpsSimulator): Promise<void> {
	const stranger = createHttps({ ca, knownHosts: undefined }).open({
		hostname: host,
		...account,
		largestAnswer: 1_000_000,
	});
	for (let call = 0; call < 3; call++) await stranger.ask({ ...read, path: '/stranger' }, signal);
	await stranger.close();
	t.pass();
}
const ofOurs = ({ requests }: HttpsSimulator): string[] =>
	requests.filter(({ path }) => path === '/').map(({ method }) => method);

test('a change whose connection broke is given time to end', async t => {
	const { device, open, simulator, clock } = await setUp(t);
	simulator.fault = ({ body }) => (body === 'change' ? { kind: 'cut after' } : undefined);
	t.is((await failure(t, device.ask(change, signal))).code, 'SwitchAway');
	await device.close();
	const reading = open().ask(read, signal);
	await pass(t, simulator);
	clock.advance(4_999);
	await pass(t, simulator);
	t.deepEqual(ofOurs(simulator), ['POST']);
	clock.advance(1);
	t.is((await reading).body, 'hello');
	t.deepEqual(ofOurs(simulator), ['POST', 'GET']);
});

test('a change that is never answered is not waited for for ever', async t => {
	const { device, simulator, clock } = await setUp(t);
	const arrived = new Promise<void>(resolve => {
		simulator.fault = ({ body }) => {
			if (body !== 'change') return undefined;
			resolve();
			return { kind: 'slow', until: new Promise(() => undefined) };
		};
	});
	const impatience = new AbortController();
	const slow = device.ask(change, impatience.signal);
	await arrived;
	impatience.abort(new Error('too slow'));
	await t.throwsAsync(slow, { message: 'too slow' });
	const reading = device.ask(read, signal);
	await pass(t, simulator);
	t.deepEqual(ofOurs(simulator), []);
	clock.advance(120_000);
	t.is((await reading).body, 'hello');
});

test('a change that was given up before it was sent never is', async t => {
	const { device, simulator } = await setUp(t);
	await t.throwsAsync(device.ask(change, AbortSignal.abort(new Error('no more'))), { message: 'no more' });
	const impatience = new AbortController();
	const connecting = device.ask(change, impatience.signal);
	impatience.abort(new Error('no more'));
	await t.throwsAsync(connecting, { message: 'no more' });
	t.is((await device.ask(read, signal)).body, 'hello');
	t.deepEqual(
		simulator.requests.map(({ method }) => method),
		['GET'],
	);
});

test('what a switch says is shown in one short line without secrets', async t => {
	const { device } = await setUp(t);
	const token = Buffer.from('hil:correct horse').toString('base64');
	const { code, message } = device.refusal(
		'no',
		`%\u0007 bad\r\n  command correct horse ${token} ${'x'.repeat(999)}`,
	);
	t.is(code, 'SwitchRefused');
	t.true(message.startsWith('no: % bad command … … xxx'), message);
	t.true(message.length < 420);
});

test('a host is a name or an address, with a port or not, and never reached over plain HTTP', t => {
	for (const host of ['tor1', 'tor1.example:8443', '10.0.0.1', '[2001:db8::1]:443', 'https://tor1:8443']) {
		t.true(httpsSettings.hostname.safeParse(host).success, host);
	}
	for (const host of [
		'',
		'http://tor1',
		'tor1/path',
		'https://u:p@tor1',
		'u@tor1',
		'a b',
		'tor1?x',
		'ftp://tor1',
	]) {
		t.false(httpsSettings.hostname.safeParse(host).success, host);
	}
});
