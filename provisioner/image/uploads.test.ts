// Uploads over real HTTP into real files: whole, in pieces, cut anywhere, taken over, abandoned, and refused.
import { createHash } from 'node:crypto';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import path from 'node:path';
import test from 'ava';
import { provisionerErrors } from '../errors.ts';
import { type ProvisionerBench, startProvisioner } from '../provisioner.fixture.ts';
import { createMemoryStorage } from '../storage/memory-storage.fixture.ts';

const basic = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Told {
	readonly status: number;
	readonly headers: Headers;
	readonly body: Record<string, unknown>;
}

async function tus(
	{ url }: Pick<ProvisionerBench, 'url'>,
	method: string,
	at: string,
	{ who = 'alice', headers = {}, body }: { who?: string; headers?: object; body?: Uint8Array } = {},
): Promise<Told> {
	const answer = await fetch(`${url}${at}`, {
		method,
		headers: { authorization: basic(who), 'tus-resumable': '1.0.0', ...headers },
		...(body && { body: Buffer.from(body) }),
	});
	const text = await answer.text();
	return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) };
}

const metadataOf = (of: Record<string, string>): string =>
	Object.entries(of)
		.map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
		.join(',');

async function begin(
	bench: ProvisionerBench,
	length: number,
	of: Record<string, string> = {},
): Promise<string> {
	const metadata = { project: 'red', name: 'debian', format: 'raw', ...of };
	const headers = { 'upload-length': String(length), 'upload-metadata': metadataOf(metadata) };
	const made = await tus(bench, 'POST', '/v1/uploads', { headers });
	if (made.status !== 201) throw new Error(`${made.status} ${JSON.stringify(made.body)}`);
	return String(made.headers.get('location'));
}

const patch = (bench: ProvisionerBench, at: string, offset: number, body: Uint8Array, more: object = {}) =>
	tus(bench, 'PATCH', at, {
		headers: {
			'content-type': 'application/offset+octet-stream',
			'upload-offset': String(offset),
			...more,
		},
		body,
	});

const offsetOf = async (bench: ProvisionerBench, at: string): Promise<number> =>
	Number((await tus(bench, 'HEAD', at)).headers.get('upload-offset'));

/** Sends a PATCH that promises all of `bytes` and breaks off after `count` of them. */
const cutPatch = (bench: ProvisionerBench, at: string, offset: number, bytes: Uint8Array, count: number) =>
	new Promise<void>(resolve => {
		const sending = httpRequest(`${bench.url}${at}`, {
			method: 'PATCH',
			headers: {
				authorization: basic('alice'),
				'tus-resumable': '1.0.0',
				'content-type': 'application/offset+octet-stream',
				'content-length': bytes.length,
				'upload-offset': offset,
			},
		});
		sending.on('error', () => undefined).on('close', () => resolve());
		sending.write(bytes.subarray(0, count), () => sending.destroy());
	});

/** Numbers that are the same in every run: Lehmer's generator. */
function numbers(seed: number): (below: number) => number {
	let state = seed;
	return below => {
		state = (state * 48271) % 2147483647;
		return state % below;
	};
}

test('what is uploaded in pieces becomes an image with its digest, and leaves no file', async t => {
	const bench = await startProvisioner(t);
	const bytes = Buffer.from('all that an image holds, in two pieces');
	const at = await begin(bench, bytes.length, { sha256: sha256(bytes), description: 'from a laptop' });
	const first = await patch(bench, at, 0, bytes.subarray(0, 10));
	t.is(first.status, 204);
	t.is(first.headers.get('upload-offset'), '10');
	t.true(Date.parse(String(first.headers.get('upload-expires'))) > bench.clock.now());
	const state = await tus(bench, 'HEAD', at);
	t.is(state.headers.get('upload-length'), String(bytes.length));
	t.is(state.headers.get('cache-control'), 'no-store');
	t.like((await tus(bench, 'GET', '/v1/uploads')).body, {
		uploads: [{ offset: 10, project: 'red', name: 'debian' }],
	});
	const last = await patch(bench, at, 10, bytes.subarray(10));
	const operation = last.headers.get('upload-operation');
	const ended = await bench.ok('GET', `/v1/operations/${operation}?wait=30000`);
	t.like(ended, { status: 'DONE', kind: 'image.import', asker: 'alice' });
	t.deepEqual(
		(ended.stages as { name: string }[]).map(({ name }) => name),
		['verify', 'take in'],
	);
	t.like(await bench.ok('GET', '/v1/images/debian'), {
		state: 'ready',
		sha256: sha256(bytes),
		size: bytes.length,
		description: 'from a laptop',
		origin: { from: 'upload' },
	});
	t.deepEqual(bench.storage.volumes.get(String(ended.image))?.bytes, bytes);
	t.deepEqual(await bench.staged.ids(), []);
	// Whoever did not hear the end can still ask.
	const late = await tus(bench, 'HEAD', at);
	t.is(late.headers.get('upload-offset'), String(bytes.length));
	t.is(late.headers.get('upload-operation'), operation);
});

test('cut anywhere, and gone on with from where HEAD says: the image is what was sent', async t => {
	const bench = await startProvisioner(t);
	for (let seed = 1; seed <= 12; seed++) {
		const next = numbers(seed * 7919);
		const bytes = Buffer.from(Array.from({ length: 1 + next(300_000) }, () => next(256)));
		const at = await begin(bench, bytes.length, { name: `image${seed}` });
		let offset = 0;
		for (let cuts = 0; offset < bytes.length; cuts++) {
			const rest = bytes.subarray(offset);
			if (cuts < 6) await cutPatch(bench, at, offset, rest, next(rest.length));
			else await patch(bench, at, offset, rest);
			const now = await offsetOf(bench, at);
			t.true(now >= offset, 'what was told once stays');
			offset = now;
		}
		const operation = (await tus(bench, 'HEAD', at)).headers.get('upload-operation');
		const ended = await bench.ok('GET', `/v1/operations/${operation}?wait=30000`);
		t.is(ended.status, 'DONE', `seed ${seed}`);
		t.true(bench.storage.volumes.get(String(ended.image))?.bytes.equals(bytes), `seed ${seed}`);
	}
});

test('one writes at a time: who comes later goes on where the other is ended', async t => {
	const bench = await startProvisioner(t);
	const at = await begin(bench, 10);
	const hanging = httpRequest(`${bench.url}${at}`, {
		method: 'PATCH',
		headers: {
			authorization: basic('alice'),
			'tus-resumable': '1.0.0',
			'content-type': 'application/offset+octet-stream',
			'content-length': 10,
			'upload-offset': 0,
		},
	});
	const ended = new Promise<number>(resolve => {
		hanging.on('error', () => resolve(0)).on('response', answer => resolve(answer.statusCode ?? 0));
	});
	hanging.write('0123');
	// It is there when its bytes are.
	while ((await bench.ok('GET', at)).offset !== 4) await new Promise(resolve => setImmediate(resolve));
	t.is(await offsetOf(bench, at), 4);
	t.true([0, 409].includes(await ended));
	t.is((await patch(bench, at, 4, Buffer.from('456789'))).status, 204);
	await bench.runner.idle();
	t.deepEqual([...bench.storage.volumes.values()][0]?.bytes.toString(), '0123456789');
});

test('a wrong checksum is told, and nothing is left', async t => {
	const bench = await startProvisioner(t);
	const at = await begin(bench, 4, { sha256: sha256(Buffer.from('else')) });
	const operation = (await patch(bench, at, 0, Buffer.from('what'))).headers.get('upload-operation');
	const ended = await bench.ok('GET', `/v1/operations/${operation}?wait=30000`);
	t.is(ended.status, 'FAILED');
	t.regex(String(ended.reason), new RegExp(`has SHA-256 ${sha256(Buffer.from('what'))}, not`));
	t.deepEqual(await bench.ok('GET', '/v1/images'), { images: [] });
	t.is(bench.storage.volumes.size, 0);
	t.deepEqual(await bench.staged.ids(), []);
});

test('a new process finds what was acknowledged, takes in what was complete, and removes what nobody knows', async t => {
	const first = await startProvisioner(t);
	const at = await begin(first, 8);
	await patch(first, at, 0, Buffer.from('0123'));
	// Complete on disk, but the process ended before it was recorded.
	const whole = await begin(first, 3, { name: 'whole' });
	await appendFile(first.staged.pathOf(path.basename(whole)), 'abc');
	const stray = '00000000-0000-4000-8000-000000000000';
	await writeFile(first.staged.pathOf(stray), 'x');

	const second = await startProvisioner(t, { store: first.store, folder: first.folder });
	await second.runner.idle();
	t.is(await offsetOf(second, at), 4);
	t.like(await second.ok('GET', '/v1/images/whole'), { state: 'ready', size: 3 });
	await patch(second, at, 4, Buffer.from('4567'));
	await second.runner.idle();
	t.like(await second.ok('GET', '/v1/images/debian'), { state: 'ready', size: 8 });
	t.deepEqual(await readdir(first.folder), []);
});

test('what is abandoned for a day is removed; an end can be asked for', async t => {
	const bench = await startProvisioner(t);
	const left = await begin(bench, 8);
	await patch(bench, left, 0, Buffer.from('0123'));
	bench.clock.advance(23 * 3600 * 1000);
	const kept = await begin(bench, 8, { name: 'kept' });
	bench.clock.advance(2 * 3600 * 1000);
	for (let looks = 0; (await bench.staged.ids()).length > 1 && looks < 1000; looks++)
		await new Promise(resolve => setImmediate(resolve));
	t.is((await tus(bench, 'HEAD', left)).status, 404);
	t.is(await offsetOf(bench, kept), 0);
	t.is((await tus(bench, 'DELETE', kept, { who: 'bob' })).status, 404);
	t.is((await tus(bench, 'DELETE', kept)).status, 204);
	t.is((await tus(bench, 'HEAD', kept)).status, 404);
	t.deepEqual(await bench.staged.ids(), []);
});

test('what does not fit the protocol, the asker or the room is refused', async t => {
	const bench = await startProvisioner(t, { largestUpload: 100 });
	const create = async (length: string, of: Record<string, string>, more = {}, who = 'alice') => {
		const headers = { 'upload-length': length, 'upload-metadata': metadataOf(of), ...more };
		const { status, body } = await tus(bench, 'POST', '/v1/uploads', { headers, who });
		return [status, body.code];
	};
	const good = { project: 'red', name: 'd', format: 'raw' };
	t.deepEqual(await create('101', good), [413, 'ImageTooLarge']);
	t.deepEqual(await create('0', good), [400, 'InvalidRequest']);
	t.deepEqual(await create('5', { ...good, format: 'vmdk' }), [400, 'InvalidRequest']);
	t.deepEqual(await create('5', good, {}, 'bob'), [403, 'Forbidden']);
	t.deepEqual(await create('5', good, { 'tus-resumable': '0.2.2' }), [412, 'UploadVersion']);
	const options = await tus(bench, 'OPTIONS', '/v1/uploads');
	t.is(options.headers.get('tus-version'), '1.0.0');
	t.is(options.headers.get('tus-max-size'), '100');

	const at = await begin(bench, 5);
	const refusal = async (offset: number, body: string, more = {}) => {
		const told = await patch(bench, at, offset, Buffer.from(body), more);
		return [told.status, told.body.code];
	};
	t.deepEqual(await refusal(2, 'ab'), [409, 'UploadMoved']);
	t.deepEqual(await refusal(0, 'abcdef'), [413, 'ImageTooLarge']);
	t.deepEqual(await refusal(0, 'ab', { 'content-type': 'text/plain' }), [415, 'UnsupportedBody']);
	t.is((await tus(bench, 'HEAD', at, { who: 'bob' })).status, 404);
	t.is(await offsetOf(bench, at), 0);
});

test('where no image can be taken in, nothing is sent or fetched for one: what to install is said first', async t => {
	let isThere = false;
	const storage = {
		...createMemoryStorage(),
		canTakeIn: async () => {
			if (!isThere) throw provisionerErrors.PartMissing('qemu-img is not here: apt-get install qemu-utils');
		},
	};
	const bench = await startProvisioner(t, { storage });
	const headers = {
		'upload-length': '512',
		'upload-metadata': metadataOf({ project: 'red', name: 'debian', format: 'raw' }),
	};
	const detail = 'qemu-img is not here: apt-get install qemu-utils';
	const refused = { status: 503, body: { code: 'PartMissing', detail } };
	t.like(await tus(bench, 'POST', '/v1/uploads', { headers }), refused);
	t.is(
		(await tus(bench, 'POST', '/v1/uploads', { headers, who: 'bob' })).status,
		403,
		'that is no word for all',
	);
	t.like(await tus(bench, 'GET', '/v1/uploads'), { body: { uploads: [] } });
	const source = {
		url: 'https://images.example/debian.img',
		sha256: sha256(Buffer.from('x')),
		format: 'raw',
	};
	const asked = { project: 'red', name: 'debian', ...source };
	t.like(await bench.call('POST', '/v1/images', asked), refused);
	t.deepEqual(await bench.ok('GET', '/v1/images'), { images: [] });
	t.deepEqual(await bench.ok('GET', '/v1/operations?all=true'), { operations: [] });

	isThere = true;
	const at = await begin(bench, 512);
	isThere = false;
	t.like(await patch(bench, at, 0, Buffer.alloc(512)), refused);
	isThere = true;
	t.is((await patch(bench, at, 0, Buffer.alloc(512))).status, 204, 'it goes on where it was');
});
