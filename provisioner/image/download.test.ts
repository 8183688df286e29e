// Images from URLs, of real HTTP servers that break off, send elsewhere, and lie.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { listen } from '../../common/http/listen.ts';
import { type ProvisionerBench, startProvisioner } from '../provisioner.fixture.ts';
import { checkedSource, shownSource } from './download.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7 + (index >> 8)) % 251));

async function serve(
	t: ExecutionContext,
	handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
	const listening = await listen(createServer(handle), { host: '127.0.0.1', port: 0 });
	t.teardown(() => listening.close(0));
	return `http://127.0.0.1:${listening.port}`;
}

async function fetched(bench: ProvisionerBench, url: string, of: Record<string, string> = {}) {
	const wanted = { project: 'red', name: 'debian', format: 'raw', url, sha256: sha256(bytes), ...of };
	const begun = await bench.ok('POST', '/v1/images', wanted);
	await bench.runner.idle();
	return bench.ok('GET', `/v1/operations/${begun.id}`);
}

/** Answers ranges as RFC 9110 section 14 has it, and breaks off after `most` bytes, if that is less. */
function giveRange(request: IncomingMessage, response: ServerResponse, most: number): void {
	const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
	const at = Number(from ?? 0);
	const head = {
		'content-length': bytes.length - at,
		etag: '"one"',
		...(from !== undefined && { 'content-range': `bytes ${at}-${bytes.length - 1}/${bytes.length}` }),
	};
	response.writeHead(from === undefined ? 200 : 206, head);
	const piece = bytes.subarray(at, at + most);
	if (at + piece.length === bytes.length) response.end(piece);
	else response.write(piece, () => setImmediate(() => response.destroy()));
}

test('a download that is cut off goes on where it was, and becomes an image', async t => {
	const asked: (string | undefined)[] = [];
	const url = await serve(t, (request, response) => {
		asked.push(request.headers.range);
		giveRange(request, response, 70_000);
	});
	const bench = await startProvisioner(t, { allowHosts: ['127.0.0.1'] });
	const ended = await fetched(bench, `${url}/debian.img?token=secret`);
	t.like(ended, { status: 'DONE', kind: 'image.fetch' });
	t.deepEqual(
		(ended.stages as { name: string }[]).map(({ name }) => name),
		['download', 'verify', 'take in'],
	);
	t.is(asked[0], undefined);
	t.true(asked.length >= 3);
	t.regex(String(asked[1]), /^bytes=[1-9]\d*-$/);
	t.true(bench.storage.volumes.get(String(ended.image))?.bytes.equals(bytes));
	t.like(await bench.ok('GET', '/v1/images/debian'), {
		sha256: sha256(bytes),
		origin: { from: 'url', url: `${url}/debian.img` },
	});
	t.deepEqual(await bench.staged.ids(), []);
});

test('a server that knows no ranges, or has changed the file, is asked anew', async t => {
	let calls = 0;
	const url = await serve(t, (_request, response) => {
		calls++;
		response.writeHead(200, { 'content-length': bytes.length });
		if (calls > 1) return void response.end(bytes);
		response.write(Buffer.alloc(5000, 1), () => setImmediate(() => response.destroy()));
	});
	const bench = await startProvisioner(t, { allowHosts: ['127.0.0.1'] });
	const ended = await fetched(bench, url);
	t.is(ended.status, 'DONE');
	t.true(bench.storage.volumes.get(String(ended.image))?.bytes.equals(bytes));
});

test("another process goes on with the last one's bytes", async t => {
	let isOpen = false;
	const asked: (string | undefined)[] = [];
	const url = await serve(t, (request, response) => {
		asked.push(request.headers.range);
		if (isOpen || asked.length === 1) giveRange(request, response, isOpen ? bytes.length : 60_000);
		else response.writeHead(503).end();
	});
	const first = await startProvisioner(t, { allowHosts: ['127.0.0.1'] });
	const waiting = await fetched(first, url);
	t.like(waiting, { status: 'PENDING', attempts: 1 });
	t.regex(String(waiting.error), /answers 503/);
	await first.runner.close();
	isOpen = true;
	const second = await startProvisioner(t, {
		store: first.store,
		folder: first.folder,
		allowHosts: ['127.0.0.1'],
	});
	await second.runner.start();
	await second.runner.idle();
	t.like(await second.ok('GET', `/v1/operations/${waiting.id}`), { status: 'DONE' });
	t.regex(String(asked.at(-1)), /^bytes=[1-9]\d*-$/);
	t.true(second.storage.volumes.get(String(waiting.image))?.bytes.equals(bytes));
});

test('what is wrong ends it with a reason, and leaves nothing', async t => {
	const url = await serve(t, ({ url: path = '' }, response) => {
		if (path === '/away') response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
		else if (path === '/round') response.writeHead(302, { location: '/round' }).end();
		else if (path === '/file') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
		else if (path === '/huge') response.writeHead(200, { 'content-length': 10_000_000 }).write('x');
		else if (path === '/endless') response.writeHead(200).end(Buffer.alloc(2_000_000));
		else if (path === '/good') response.end(bytes);
		else response.writeHead(404).end();
	});
	const bench = await startProvisioner(t, { allowHosts: ['127.0.0.1'], largestUpload: 1_000_000 });
	const reason = async (path: string, of = {}) => {
		const { status, reason: why } = await fetched(bench, `${url}${path}`, of);
		return `${status}: ${why}`;
	};
	t.regex(await reason('/away'), /^FAILED: 169\.254\.169\.254 is an address of this site's own networks/);
	t.regex(await reason('/round'), /^FAILED: .*more than 5 times/);
	t.regex(await reason('/file'), /^FAILED: file: is not fetched from/);
	t.regex(await reason('/huge'), /^FAILED: It is of 10000000 bytes; this site takes 1000000/);
	t.regex(await reason('/endless'), /^FAILED: More than 1000000 bytes came/);
	t.regex(await reason('/missing'), /^FAILED: .* answers 404/);
	t.regex(await reason('/good', { sha256: sha256(Buffer.from('')) }), /^FAILED: What came has SHA-256/);
	t.deepEqual(await bench.ok('GET', '/v1/images'), { images: [] });
	t.is(bench.storage.volumes.size, 0);
	t.deepEqual(await bench.staged.ids(), []);
});

test('what the site does not allow is not even connected to', async t => {
	let calls = 0;
	const url = await serve(t, (_request, response) => {
		calls++;
		response.end(bytes);
	});
	const { port } = new URL(url);
	const bench = await startProvisioner(t, { allowHosts: ['127.0.0.1:1'] });
	for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1']) {
		const ended = await fetched(bench, `http://${host}:${port}/`);
		t.is(ended.status, 'FAILED', host);
		t.regex(String(ended.reason), /own networks/, host);
	}
	t.is(calls, 0);
});

test('a URL with a password is refused, and a query is not shown', t => {
	t.throws(() => checkedSource('https://a:b@mirror.example/x'), { code: 'SourceRefused' });
	t.throws(() => checkedSource('mirror'), { code: 'SourceRefused' });
	t.throws(() => checkedSource('ftp://mirror.example/x'), { code: 'SourceRefused' });
	t.is(shownSource(checkedSource('https://m.example/x.img?key=secret#y')), 'https://m.example/x.img');
});
