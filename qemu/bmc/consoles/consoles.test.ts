// The WebSockets of the emulated BMC, as a client of bmcweb meets them.
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { createSimulatedHost } from '../simulated/simulated-host.ts';
import { bmcForTest, PASSWORD } from '../test-bmc.ts';
import { sendRaw } from '../wire-client.ts';

const basic = (user: string) => `Basic ${Buffer.from(`${user}:${PASSWORD}`).toString('base64')}`;

interface Opened {
	readonly socket: WebSocket;
	/** Everything received so far, and a promise for when it fits. */
	readonly until: (fits: (bytes: Buffer) => boolean) => Promise<Buffer>;
	readonly closed: Promise<{ code: number; reason: string }>;
}

function open(
	t: ExecutionContext,
	url: string,
	options: { headers?: Record<string, string>; protocol?: string } = {},
): Promise<Opened | number> {
	const { headers = { authorization: basic('root') }, protocol } = options;
	const socket = new WebSocket(url.replace('http', 'ws'), protocol ? [protocol] : [], {
		headers,
		perMessageDeflate: false,
	});
	t.teardown(() => socket.terminate());
	let seen: Buffer = Buffer.alloc(0);
	let wake: () => void = () => {};
	socket.on('message', (data: Buffer) => {
		seen = Buffer.concat([seen, data]);
		wake();
	});
	const closed = new Promise<{ code: number; reason: string }>(resolve =>
		socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
	);
	const until = async (fits: (bytes: Buffer) => boolean): Promise<Buffer> => {
		while (!fits(seen)) {
			await new Promise<void>(resolve => {
				wake = resolve;
			});
		}
		const taken = seen;
		seen = Buffer.alloc(0);
		return taken;
	};
	return new Promise((resolve, reject) => {
		socket.on('open', () => resolve({ socket, until, closed }));
		socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
		socket.on('error', reject);
	});
}

async function opened(...args: Parameters<typeof open>): Promise<Opened> {
	const result = await open(...args);
	if (typeof result === 'number') throw new Error(`refused with ${result}`);
	return result;
}

const shows = (text: string) => (bytes: Buffer) => bytes.toString().includes(text);

test('the serial console: log-in, shell, and what power does to it', async t => {
	const { bmc, clock } = await bmcForTest(t);
	const { socket, until } = await opened(t, `${bmc.url}/console0`);
	socket.send('\r');
	await until(shows('node1 login: '));
	socket.send('admin\r');
	await until(shows('Password: '));
	socket.send('secret\r');
	const greeted = await until(shows('[admin@node1 ~]# '));
	t.false(greeted.includes('secret'), 'a password is not echoed');
	socket.send('hostnam\x7fme\r');
	t.true((await until(shows('\r\nnode1\r\n'))).includes('hostnam\b \bme'));
	socket.send('nonsense\r');
	await until(shows('nonsense: command not found'));
	socket.send('poweroff\r');
	await until(shows('Stopping all services'));
	clock.advance(2000);
	await until(shows('Power down'));
	t.is(bmc.powerState(), 'Off');
	socket.send('anybody?\r');
	bmc.press('On');
	const post = await until(shows('Memory test'));
	t.false(post.includes('anybody'), 'nobody reads the line of a machine that is off');
	clock.advance(5000);
	await until(shows('node1 login: '));
});

test('what one types on a serial console, all who have it open see', async t => {
	const { bmc } = await bmcForTest(t);
	const one = await opened(t, `${bmc.url}/console/default`);
	const two = await opened(t, `${bmc.url}/console0/`);
	one.socket.send('\rguest');
	await two.until(shows('guest'));
	const other = await opened(t, `${bmc.url}/console/none`);
	t.deepEqual(await other.closed, { code: 1000, reason: 'Internal error' });
	t.deepEqual(bmc.consoles.open(), { '/console/default': 1, '/console0': 1 });
});

test('who may: the console’s group, both privileges, and the page’s token where a cookie logs in', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const as = (user: string, path: string) =>
		open(t, `${bmc.url}${path}`, { headers: { authorization: basic(user) } });
	for (const path of ['/console0', '/console/default', '/kvm/0', '/vm/0/0']) {
		t.is(await open(t, `${bmc.url}${path}`, { headers: {} }), 401, path);
		t.is(await as('ro1', path), 403, path);
		t.is(await as('oper1', path), 403, path);
	}
	t.is(await as('root', '/redfish/v1'), 404, 'no resource is a WebSocket');
	t.is(await as('root', '/kvm/1'), 404);
	t.is((await ask('GET', '/console0')).status, 404, 'nor is a console a resource');

	const login = await ask('POST', '/redfish/v1/SessionService/Sessions', {
		user: null,
		body: { UserName: 'root', Password: PASSWORD },
	});
	const token = String(login.headers['x-auth-token']);
	t.is(typeof (await open(t, `${bmc.url}/kvm/0`, { headers: { 'x-auth-token': token } })), 'object');
	const cookie = { cookie: `BMCWEB-SESSION=${token}` };
	t.is(
		await open(t, `${bmc.url}/kvm/0`, { headers: cookie }),
		401,
		'a page of another site has the cookie as well',
	);
	t.is(await open(t, `${bmc.url}/kvm/0`, { headers: cookie, protocol: 'wrong' }), 401);
});

test('the page’s token opens it, and comes back as the protocol', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const login = await ask('POST', '/login', { user: null, body: { username: 'root', password: PASSWORD } });
	const cookies = [login.headers['set-cookie'] ?? []].flat().map(cookie => cookie.split(';')[0] ?? '');
	const csrf = cookies.find(cookie => cookie.startsWith('XSRF-TOKEN='))?.slice('XSRF-TOKEN='.length) ?? '';
	const headers = { cookie: cookies.join('; ') };
	const { socket } = await opened(t, `${bmc.url}/kvm/0`, { headers, protocol: csrf });
	t.is(socket.protocol, csrf);
});

test('a malformed handshake is answered 400, and the connection ends', async t => {
	const { bmc } = await bmcForTest(t);
	const head = `GET /console0 HTTP/1.1\r\nHost: a\r\nAuthorization: ${basic('root')}\r\nUpgrade: websocket\r\n`;
	for (const rest of ['', 'Connection: Upgrade\r\n', 'Connection: Upgrade\r\nSec-WebSocket-Key: short\r\n']) {
		const { answers, closed } = await sendRaw(bmc.port, `${head}${rest}\r\n`, { until: () => false });
		t.is(answers[0]?.status, 400);
		t.true(closed);
	}
});

test('KVM speaks RFB 3.8 and shows a framebuffer; keys and pointer arrive', async t => {
	const { bmc } = await bmcForTest(t);
	const { socket, until, closed } = await opened(t, `${bmc.url}/kvm/0`);
	t.is((await until(bytes => bytes.length >= 12)).toString('latin1'), 'RFB 003.008\n');
	socket.send('RFB 003.008\n');
	t.deepEqual([...(await until(bytes => bytes.length >= 2))], [1, 1]);
	socket.send(Buffer.from([1]));
	t.deepEqual([...(await until(bytes => bytes.length >= 4))], [0, 0, 0, 0]);
	socket.send(Buffer.from([1]));
	const init = await until(bytes => bytes.length >= 29);
	t.is(init.subarray(24).toString(), 'node1');
	const [width, height] = [init.readUInt16BE(0), init.readUInt16BE(2)];
	socket.send(Buffer.from([2, 0, 0, 1, 0, 0, 0, 0]));
	socket.send(Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
	const bytes = 16 + width * height * 4;
	const lit = await until(seen => seen.length >= bytes);
	t.true(lit.subarray(16).some(byte => byte !== 0));
	socket.send(Buffer.from([4, 1, 0, 0, 0, 0, 0, 0x61]));
	socket.send(Buffer.from([5, 0, 0, 1, 0, 1]));
	bmc.press('ForceOff');
	socket.send(Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
	const dark = await until(seen => seen.length >= bytes);
	t.true(dark.subarray(16).every(byte => byte === 0));
	t.deepEqual(bmc.consoles.kvmInput, { keys: [0x61], pointers: 1 });
	socket.send(Buffer.from([99]));
	t.is((await closed).reason, 'an unknown message');
});

test('a fifth KVM is one too many', async t => {
	const { bmc } = await bmcForTest(t);
	for (let i = 0; i < 4; i++) await opened(t, `${bmc.url}/kvm/0`);
	const fifth = await opened(t, `${bmc.url}/kvm/0`);
	t.deepEqual(await fifth.closed, { code: 1000, reason: 'Max sessions are already connected' });
});

test('virtual media: the BMC reads the disk that its client serves, one at a time', async t => {
	const { bmc } = await bmcForTest(t);
	const { socket, until, closed } = await opened(t, `${bmc.url}/vm/0/0`);
	socket.send(Buffer.concat([Buffer.from('NBDMAGICIHAVEOPT'), Buffer.from([0, 3])]));
	const option = await until(bytes => bytes.length >= 20);
	t.is(option.readUInt32BE(0), 3);
	t.is(option.readUInt32BE(12), 1, 'EXPORT_NAME');
	const size = Buffer.alloc(10);
	size.writeBigUInt64BE(1_048_576n);
	size.writeUInt16BE(3, 8);
	socket.send(size);
	const read = await until(bytes => bytes.length >= 28);
	t.is(read.readUInt32BE(24), 512);
	const reply = Buffer.alloc(16 + 512, 0x5a);
	reply.writeUInt32BE(0x67446698, 0);
	reply.writeUInt32BE(0, 4);
	read.copy(reply, 8, 8, 16);
	socket.send(reply);
	const second = await opened(t, `${bmc.url}/vm/0/0`);
	t.deepEqual(await second.closed, { code: 1000, reason: 'Session already exists' });
	t.like(bmc.consoles.medium(), { size: 1_048_576, readOnly: true });
	t.is(bmc.consoles.medium()?.first?.[511], 0x5a);
	socket.close();
	await closed;
	const again = await opened(t, `${bmc.url}/vm/0/0`);
	again.socket.send('not an NBD server');
	again.socket.send('at all');
	t.is((await again.closed).reason, 'not an NBD server');
	t.is(bmc.consoles.medium(), undefined);
});

test('they end when the BMC restarts, and when it is down', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const one = await opened(t, `${bmc.url}/console0`);
	await ask('POST', '/redfish/v1/Managers/bmc/Actions/Manager.Reset', {
		body: { ResetType: 'GracefulRestart' },
	});
	t.deepEqual(await one.closed, { code: 1000, reason: 'quit' });
	const two = await opened(t, `${bmc.url}/console0`);
	bmc.fault({ down: true });
	t.is((await two.closed).code, 1006);
});

test('a message larger than bmcweb takes ends it; one that does not answer is given up', async t => {
	const { bmc, clock } = await bmcForTest(t);
	const big = await opened(t, `${bmc.url}/console0`);
	big.socket.send(Buffer.alloc(131_089));
	t.is((await big.closed).code, 1009);
	const silent = await opened(t, `${bmc.url}/console0`);
	silent.socket.pause();
	clock.advance(300_000);
	silent.socket.resume();
	t.is((await silent.closed).code, 1006);
});

test('a client that does not read the serial line misses what comes, and what is kept for it does not grow', async t => {
	let write: (bytes: Buffer) => void = () => {};
	const { bmc } = await bmcForTest(t, {
		createHost(context) {
			const host = createSimulatedHost(context, {
				postTimeMs: 0,
				shutdownTimeMs: 0,
				kvmInput: { keys: [], pointers: 0 },
			});
			const listen = (take: (bytes: Buffer) => void) => {
				write = take;
				return () => {};
			};
			return { ...host, serial: { ...host.serial, listen } };
		},
	});
	const { socket } = await opened(t, `${bmc.url}/console0`);
	let received = 0;
	socket.removeAllListeners('message').on('message', (bytes: Buffer) => {
		received += bytes.length;
	});
	socket.pause();
	const piece = Buffer.alloc(1024 * 1024, 'x');
	for (let i = 0; i < 160; i++) {
		write(piece);
		await new Promise(resolve => setImmediate(resolve));
	}
	const last = new Promise<void>(resolve => {
		socket.on('message', (bytes: Buffer) => {
			if (bytes.toString().endsWith('end')) resolve();
		});
	});
	socket.resume();
	// What is written once it reads again arrives.
	const again = setInterval(() => write(Buffer.from('end')), 10);
	await last;
	clearInterval(again);
	t.true(received > 0 && received < 120 * piece.length, `${received} bytes`);
});
