// kill -9 while an image is received, while it waits and while it is sent: afterwards the spool holds just what waits, an
// image is sent at most once, and whole, and what cannot be known is not claimed.
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { testImage } from '../../qemu/bmc/test-image.ts';
import { octets, octetsPath } from '../proxy/upload.ts';
import { type ChildProxy, startChildProxy } from './child-proxy.ts';
import { createFaultySite, type FaultySite } from './faulty-site.ts';

const policies = {
	'operations.yaml': `
- { type: Monitoring, operation: Get service, description: d, match: 'GET /redfish/v1/UpdateService', p2c: HSO or CP }
- { type: Operation, operation: Update, description: d, match: 'POST ${octetsPath}', p2c: HSO and CP }
`,
};
const image = testImage(300_000);

async function start(t: ExecutionContext, site: FaultySite): Promise<ChildProxy> {
	const proxy = await startChildProxy(site.config, site.ca);
	t.teardown(() => proxy.end());
	return proxy;
}

const upload = (site: FaultySite, proxy: ChildProxy, bytes = image) =>
	proxy.ask(site.as('HSO'), 'POST', `${proxy.bmcs.node1}${octetsPath}`, octets(bytes));
const approve = (site: FaultySite, proxy: ChildProxy, { id, digest }: { id: string; digest: string }) =>
	proxy.ask(site.as('CP'), 'POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } });
const view = (site: FaultySite, proxy: ChildProxy, id: string) =>
	proxy.ask(site.as('CP'), 'GET', `/p2c/v1/requests/${id}`);
const spooled = (site: FaultySite) => readdir(path.join(site.folder, 'uploads'));

/** One image for each request that waits, and no other. Gives those that wait. */
async function consistent(t: ExecutionContext, site: FaultySite, proxy: ChildProxy, when: string) {
	const { json } = await proxy.ask(site.as('CP'), 'GET', '/p2c/v1/requests?state=waiting');
	t.is((await spooled(site)).length, json.requests.length, when);
	return json.requests as { id: string; digest: string }[];
}

/** What waits is executed by an approval, once, with the very bytes; nothing is left of it. */
async function approveAll(t: ExecutionContext, site: FaultySite, proxy: ChildProxy, when: string) {
	for (const each of await consistent(t, site, proxy, when)) {
		const before = site.executed(octetsPath);
		const { json, text } = await approve(site, proxy, each);
		t.is(json.state, 'executed', `${when}: ${text}`);
		t.is(site.executed(octetsPath), before + 1, when);
		t.is(site.bmc.executed.at(-1)?.image?.size, image.length, when);
	}
	await emptied(site);
}

async function emptied(site: FaultySite): Promise<void> {
	for (const end = Date.now() + 20_000; (await spooled(site)).length > 0; ) {
		if (Date.now() > end) throw new Error(`left: ${await spooled(site)}`);
		await new Promise(setImmediate);
	}
}

async function killed(t: ExecutionContext, proxy: ChildProxy, when: string): Promise<void> {
	t.is(await proxy.ended(60_000), 'SIGKILL', when);
	await proxy.end();
}

test('killed while it receives an image, it keeps nothing of it', async t => {
	t.timeout(120_000);
	const site = await createFaultySite(t, { policies });
	const proxy = await start(t, site);
	const { hostname: host, port } = new URL(proxy.bmcs.node1 ?? '');
	const socket = connectTls({ host, port: Number(port), ca: site.ca, servername: 'localhost' });
	await once(socket, 'secureConnect');
	socket.on('error', () => undefined);
	const { name, password } = site.as('HSO') as { name: string; password: string };
	socket.write(
		`POST ${octetsPath} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n` +
			`Authorization: Basic ${Buffer.from(`${name}:${password}`).toString('base64')}\r\n` +
			`Content-Length: ${image.length}\r\n\r\n`,
	);
	socket.write(image.subarray(0, 200_000));
	const size = async () => {
		const [file] = await spooled(site);
		return file === undefined ? 0 : (await readFile(path.join(site.folder, 'uploads', file))).length;
	};
	while ((await size()) < 100_000) await new Promise(setImmediate);
	proxy.signal('SIGKILL');
	await killed(t, proxy, 'receiving');
	socket.destroy();
	t.is((await spooled(site)).length, 1);
	const after = await start(t, site);
	t.deepEqual(await consistent(t, site, after, 'receiving'), []);
	t.deepEqual(await spooled(site), []);
	t.is(site.executed(octetsPath), 0);
});

test('killed at each write on the way to waiting, image and request are both there or neither is', async t => {
	t.timeout(300_000);
	const site = await createFaultySite(t, { policies });
	let proxy = await start(t, site);
	await proxy.ask(site.as('HSO'), 'GET', '/p2c/v1/me');
	await proxy.arm();
	t.is((await upload(site, proxy)).status, 202);
	const moments = await proxy.passed();
	t.true(moments.length >= 4, moments.join('\n'));
	const found: number[] = [];
	for (let killAt = 1; killAt <= moments.length; killAt++) {
		await approveAll(t, site, proxy, 'between');
		const when = `killed at ${killAt}, ${moments[killAt - 1]}`;
		await proxy.arm(killAt);
		await upload(site, proxy).catch(() => undefined);
		await killed(t, proxy, when);
		proxy = await start(t, site);
		found.push((await consistent(t, site, proxy, when)).length);
	}
	await approveAll(t, site, proxy, 'the last one');
	t.log(found.join(' '));
	t.deepEqual(
		found,
		[...found].sort((a, b) => a - b),
		'from some moment on it waits, whatever happens',
	);
	t.is(found.at(-1), 1);
});

test('killed at each write of an approval, the image goes out once or not at all, and is not left', async t => {
	t.timeout(300_000);
	const site = await createFaultySite(t, { policies });
	let proxy = await start(t, site);
	const hold = async () => {
		const { json } = await upload(site, proxy);
		return { id: String(json.Id), digest: String(json.Oem.Bimetal.Digest) };
	};
	const first = await hold();
	await proxy.ask(site.as('CP'), 'GET', '/p2c/v1/me');
	await proxy.arm();
	t.is((await approve(site, proxy, first)).json.state, 'executed');
	const moments = await proxy.passed();
	const found: string[] = [];
	for (const [i, moment] of moments.entries()) {
		// Between those, what is on disk does not change.
		if (moment !== 'store: written') continue;
		const before = site.executed(octetsPath);
		const held = await hold();
		await proxy.arm(i + 1);
		await approve(site, proxy, held).catch(() => undefined);
		const when = `killed at ${i + 1}, ${moment}`;
		await killed(t, proxy, when);
		proxy = await start(t, site);
		const { state } = (await view(site, proxy, held.id)).json;
		const times = site.executed(octetsPath) - before;
		const truth: Record<string, readonly number[]> = {
			waiting: [0],
			failed: [0],
			unknown: [0, 1],
			executed: [1],
		};
		t.true(truth[state]?.includes(times), `${when}: ${state}, but executed ${times} times`);
		found.push(state);
		await approveAll(t, site, proxy, when);
		t.is(site.executed(octetsPath) - before, state === 'waiting' ? 1 : times, when);
	}
	t.deepEqual(
		[...new Set(found)],
		['failed', 'unknown', 'executed'].filter(each => found.includes(each)),
	);
	t.true(found.includes('failed') && found.includes('executed'), found.join(' '));
});

test('killed while it waits, the image is sent as it was; killed while it is sent, nothing is claimed', async t => {
	t.timeout(120_000);
	const site = await createFaultySite(t, { policies });
	let onBytes = (_sent: number): void => undefined;
	const way = await startWay(t, site.bmc.url, sent => onBytes(sent));
	await writeFile(site.config, (await readFile(site.config, 'utf8')).replace(site.bmc.url, way));
	let proxy = await start(t, site);
	t.is((await upload(site, proxy)).status, 202);
	proxy.signal('SIGKILL');
	await killed(t, proxy, 'waiting');
	proxy = await start(t, site);
	await approveAll(t, site, proxy, 'waiting');

	const before = site.executed(octetsPath);
	const large = testImage(8 * 1024 * 1024);
	const { json } = await upload(site, proxy, large);
	const dying = proxy;
	let total = 0;
	onBytes = sent => {
		total += sent;
		if (total > 1024 * 1024) dying.signal('SIGKILL');
	};
	await approve(site, proxy, { id: json.Id, digest: json.Oem.Bimetal.Digest }).catch(() => undefined);
	await killed(t, proxy, 'sending');
	onBytes = () => undefined;
	proxy = await start(t, site);
	const after = (await view(site, proxy, json.Id)).json;
	t.is(after.state, 'unknown');
	t.deepEqual(await consistent(t, site, proxy, 'sending'), []);
	const again = await approve(site, proxy, { id: json.Id, digest: json.Oem.Bimetal.Digest });
	t.not(again.json.state, 'executed');
	t.is(site.executed(octetsPath), before, 'the BMC never had the whole of it');
	t.is((await upload(site, proxy)).status, 202, 'the next one is taken');
	await approveAll(t, site, proxy, 'afterwards');
});

/** A way to the BMC that tells how many bytes go there; what runs in it stays encrypted. */
async function startWay(t: ExecutionContext, to: string, onBytes: (sent: number) => void): Promise<string> {
	const { hostname, port } = new URL(to);
	const sockets = new Set<Socket>();
	const keep = (socket: Socket) => {
		sockets.add(socket.on('error', () => undefined));
		return socket;
	};
	const server = createServer(from => {
		const onward = keep(connect(Number(port), hostname));
		keep(from)
			.on('data', bytes => onBytes(bytes.length))
			.on('close', () => onward.destroy());
		from.pipe(onward).on('close', () => from.destroy());
		onward.pipe(from);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	return to.replace(`:${port}`, `:${(server.address() as AddressInfo).port}`);
}
