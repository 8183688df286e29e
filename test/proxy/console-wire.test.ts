// What goes over a console: binary both ways, at the pace of who reads, into a transcript; and no other handshake.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { connect } from 'node:tls';
import test from 'ava';
import fc from 'fast-check';
import { allEnded, eventually, logIn, openAgreed, openAs, records, start, watchAs } from './console-site.ts';

test.serial('virtual media open at once for CP, KVM waits; both carry binary both ways', async t => {
	const site = await start(t);
	const media = await openAs(t, site, 'cp-operator', '/vm/0/0');
	t.is(media.status, 101);
	media.socket.send(Buffer.concat([Buffer.from('NBDMAGICIHAVEOPT'), Buffer.from([0, 3])]));
	const option = await media.until(bytes => bytes.length >= 20);
	t.is(option.readUInt32BE(12), 1);
	t.like(records(site, 'open')[0], {
		console: 'media',
		clause: 'CP and hso',
		requestId: null,
		approvedBy: [],
	});

	const kvm = await openAgreed(t, site, '/kvm/0');
	t.is((await kvm.until(bytes => bytes.length >= 12)).toString('latin1'), 'RFB 003.008\n');
	kvm.socket.send(Buffer.from('RFB 003.008\n'));
	t.deepEqual([...(await kvm.until(bytes => bytes.length >= 2))], [1, 1]);
	t.is((await watchAs(t, site, 'hso-operator', kvm.id)).status, 409, 'only what is text is shown to others');
});

test.serial('a transcript: a file for the proxy alone, with its hash on the record', async t => {
	const site = await start(t, {
		consoles: { transcripts: { serial: 'both' }, transcriptLimit: '1MiB' },
	});
	const { socket, until, closed, id } = await openAgreed(t, site);
	socket.send('\rünï');
	await until('ünï');
	socket.close();
	await closed;
	await allEnded(site);
	const file = path.join(site.folder, 'consoles', `${id}.cast`);
	t.is((await stat(file)).mode & 0o777, 0o600);
	const content = await readFile(file, 'utf8');
	const [head, ...lines] = content
		.trimEnd()
		.split('\n')
		.map(line => JSON.parse(line));
	t.like(head, { version: 2, title: '/console0 of node1, opened by cp-operator (CP)' });
	const said = (direction: string) =>
		lines
			.filter(([, each]) => each === direction)
			.map(([, , text]) => text)
			.join('');
	t.is(said('i'), '\rünï');
	t.true(said('o').includes('node1 login: ünï'));
	const sha256 = createHash('sha256').update(content).digest('hex');
	t.like(records(site, 'end')[0], {
		transcript: { sha256, bytes: Buffer.byteLength(content), complete: true },
	});
	t.is((await site.ask('hso-operator', 'GET', `/p2c/v1/consoles/${id}`)).json.transcript.sha256, sha256);
});

test.serial('who reads slowly slows down the BMC, and watchers nobody', async t => {
	const site = await start(t);
	const console = await openAgreed(t, site);
	const { socket, seen, id } = console;
	await logIn(console);
	socket.pause();
	const lines = 100;
	const whole = lines * 2000 * 202;
	for (let i = 0; i < lines; i++) socket.send(`yes ${'x'.repeat(200)}\r`);
	const sent = async () => (await site.ask('cp-operator', 'GET', `/p2c/v1/consoles/${id}`)).json.bytesOut;
	let [before, stuck] = [-1, 0];
	while (stuck !== before) {
		before = stuck;
		await new Promise<void>(resolve => setTimeout(resolve, 200));
		stuck = await sent();
	}
	t.true(stuck < whole / 2, `${stuck} of ${whole} bytes were read ahead`);
	let received = seen().length;
	socket.removeAllListeners('message').on('message', (data: Buffer) => {
		received += data.length;
	});
	socket.resume();
	await eventually(() => received >= whole);
});

test.serial('no handshake but that of a console reaches a BMC, whatever it looks like', async t => {
	const site = await start(t);
	const authorization = `Basic ${Buffer.from('cp-operator:pw-cp-operator').toString('base64')}`;
	await site.at('cp-operator')('GET', '/redfish/v1/Systems');
	const before = site.spies.node1.received().length;
	const { port } = new URL(site.bmcUrls.node1 ?? '');
	const send = (text: string) =>
		new Promise<string>(resolve => {
			const socket = connect({ host: '127.0.0.1', port: Number(port), ca: site.ca });
			let answer = '';
			socket.setEncoding('latin1').on('data', chunk => {
				answer += chunk;
				if (answer.includes('\r\n\r\n')) socket.destroy();
			});
			socket.on('error', () => undefined).on('close', () => resolve(answer));
			socket.write(text, 'latin1');
		});
	const good = [
		'Host: localhost',
		`Authorization: ${authorization}`,
		'Upgrade: websocket',
		'Connection: Upgrade',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
		'Sec-WebSocket-Version: 13',
	];
	const change = fc.oneof(
		// Without Upgrade it is a request like any other.
		fc.record({ drop: fc.constantFrom(0, 1, 3, 4, 5) }),
		fc.record({ repeat: fc.nat({ max: good.length - 1 }) }),
		fc.constantFrom(
			{ replace: [2, 'Upgrade: h2c'] as const },
			{ replace: [4, 'Sec-WebSocket-Key: x'] as const },
			{ replace: [5, 'Sec-WebSocket-Version: 12'] as const },
			{ replace: [0, 'Host: a b'] as const },
			{ add: 'Origin: https://evil.test' },
			{ add: 'Content-Length: 4' },
			{ add: 'Transfer-Encoding: chunked' },
			{ add: 'X-Auth-Token: x' },
			{ add: 'Sec-WebSocket-Protocol: token' },
			{ add: 'X-HTTP-Method-Override: POST' },
		),
	);
	const target = fc.constantFrom('/vm/0/0', '//x/vm/0/0', '/vm/0/0?x=1', '/redfish/v1', '/%76m/0/0', '/vm/0');
	await fc.assert(
		fc.asyncProperty(target, change, async (path, each) => {
			const lines = [...good, 'X-End: 1'];
			if ('drop' in each) lines.splice(each.drop, 1);
			else if ('repeat' in each) lines.push(good[each.repeat] ?? '');
			else if ('replace' in each) lines[each.replace[0]] = each.replace[1];
			else lines.push(each.add);
			const answer = await send(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
			t.regex(answer, /^HTTP\/1\.1 4\d\d /);
		}),
		{ numRuns: 60 },
	);
	t.is(site.spies.node1.received().length, before);
	t.is(site.bmcs.node1.consoles.open()['/vm/0/0'] ?? 0, 0);
});
