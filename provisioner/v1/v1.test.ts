import test from 'ava';
import { provisionerErrors } from '../errors.ts';
import { type ProvisionerBench, startProvisioner } from '../provisioner.fixture.ts';
import type { ProvisionerDeps } from '../provisioner-deps.ts';
import { contentRoutes } from './image-content.ts';
import { provisionerRoutes } from './routes.ts';
import { uploadRoutes } from './upload-routes.ts';

const at = (reference: string): string => encodeURIComponent(reference);
const done = (bench: ProvisionerBench, method: string, path: string, body?: object, who?: string) =>
	bench.ok(
		method,
		`${path}${method === 'DELETE' ? '?wait=30000' : ''}`,
		body && { ...body, wait: 30_000 },
		who,
	);
const names = (body: Record<string, unknown>, of: string): string[] =>
	(body[of] as { reference?: string; name: string }[]).map(({ reference, name }) => reference ?? name);

test('a disk is cloned, is seen by its project alone, becomes an image, and is deleted', async t => {
	const bench = await startProvisioner(t);
	await bench.image('red', 'debian');
	const cloned = await done(bench, 'POST', '/v1/disks', { project: 'red', name: 'web', image: 'debian' });
	t.like(cloned, { status: 'DONE', kind: 'disk.create', asker: 'alice', project: 'red' });
	t.deepEqual(
		(cloned.stages as { name: string }[]).map(({ name }) => name),
		['clone'],
	);
	const disk = { project: 'red', name: 'web', image: 'red/debian@1', state: 'ready', node: null, size: 17 };
	t.like(await bench.ok('GET', '/v1/disks/web'), disk);
	t.like(await bench.ok('GET', `/v1/disks/${at('red/web')}`), disk);
	t.is((await bench.call('GET', `/v1/disks/${at('red/web')}`, undefined, 'bob')).status, 404);
	t.is((await bench.call('GET', `/v1/disks/${cloned.disk}`, undefined, 'bob')).status, 404);
	t.deepEqual(await bench.ok('GET', '/v1/disks', undefined, 'bob'), { disks: [] });
	const twice = { project: 'red', name: 'web', image: 'debian' };
	t.like(await bench.call('POST', '/v1/disks', twice), { status: 409, body: { code: 'NameTaken' } });

	const saved = await done(bench, 'POST', '/v1/disks/web/snapshot', { name: 'debian' });
	t.like(saved, { status: 'DONE', kind: 'disk.snapshot' });
	const origin = { from: 'disk', disk: 'web' };
	t.like(await bench.ok('GET', `/v1/images/${at('debian@2')}`), {
		version: 2,
		state: 'ready',
		size: 17,
		origin,
	});
	t.like(await bench.ok('GET', '/v1/images/debian'), { version: 2 });
	t.like(await bench.call('DELETE', `/v1/images/${at('debian@1')}`), {
		status: 409,
		body: { code: 'InUse' },
	});
	t.like(await done(bench, 'DELETE', '/v1/disks/web'), { status: 'DONE' });
	const shared = await bench.call('DELETE', `/v1/images/${at('debian@1')}`);
	t.regex(String(shared.body.detail), /snapshot shares its bytes with: red\/debian@2/);
	for (const version of ['debian@2', 'debian@1']) {
		t.like(await done(bench, 'DELETE', `/v1/images/${at(version)}`), { status: 'DONE' });
	}
	t.is(bench.storage.volumes.size, 0);
});

test('images are private, shared with projects, or public; names mean own ones first', async t => {
	const bench = await startProvisioner(t);
	const red = await bench.image('red', 'base');
	t.is((await bench.call('GET', `/v1/images/${red}`, undefined, 'bob')).status, 404);
	await bench.ok('PATCH', `/v1/images/${red}`, { visibility: 'shared', sharedWith: ['blue', 'green'] });
	const shared = await bench.ok('GET', '/v1/images/base', undefined, 'bob');
	t.like(shared, { reference: 'red/base@1', sharedWith: ['blue'] }, 'and with whom else is not told');
	t.is((await bench.call('PATCH', `/v1/images/${red}`, { isProtected: true }, 'bob')).status, 403);
	t.is((await bench.call('DELETE', `/v1/images/${red}`, undefined, 'bob')).status, 403);
	t.like(await done(bench, 'POST', '/v1/disks', { project: 'blue', name: 'd', image: 'base' }, 'bob'), {
		status: 'DONE',
	});
	const inUse = await bench.call('DELETE', `/v1/images/${red}`);
	t.regex(String(inUse.body.detail), /disks are made of: one of another project/);
	await bench.image('blue', 'base');
	t.like(await bench.ok('GET', '/v1/images/base', undefined, 'bob'), { reference: 'blue/base@1' });
	t.like(await bench.call('GET', '/v1/images/base', undefined, 'carol'), {
		status: 409,
		body: { code: 'Ambiguous', detail: 'base can be blue/base, red/base: say which.' },
	});
	// An administrator is in no project, and acts for this one.
	const disk = { project: 'red', name: 'e', image: 'base' };
	t.is((await bench.call('GET', '/v1/images/base', undefined, 'root')).status, 404);
	t.like(await done(bench, 'POST', '/v1/disks', disk, 'root'), { status: 'DONE' });
	await bench.ok('PATCH', `/v1/images/${red}`, { visibility: 'public' });
	t.deepEqual(names(await bench.ok('GET', '/v1/images', undefined, 'bob'), 'images'), [
		'blue/base@1',
		'red/base@1',
	]);
	t.deepEqual(names(await bench.ok('GET', '/v1/images?project=blue', undefined, 'root'), 'images'), [
		'blue/base@1',
	]);
	await bench.image('red', 'base');
	t.like(await bench.ok('GET', '/v1/images/red%2Fbase@2'), { visibility: 'public' }, 'as the version before');
});

test('a protected image is neither deleted nor hidden', async t => {
	const bench = await startProvisioner(t);
	await bench.image('red', 'golden');
	await bench.ok('PATCH', '/v1/images/golden', { visibility: 'public', isProtected: true });
	t.like(await bench.call('DELETE', '/v1/images/golden'), { status: 409, body: { code: 'Protected' } });
	t.like(await bench.call('PATCH', '/v1/images/golden', { visibility: 'private' }), { status: 409 });
	await bench.ok('PATCH', '/v1/images/golden', { visibility: 'private', isProtected: false });
	t.like(await done(bench, 'DELETE', '/v1/images/golden'), { status: 'DONE' });
	t.is((await bench.call('GET', '/v1/images/golden')).status, 404);
});

test('a clone that fails leaves no disk; one that is cancelled neither', async t => {
	const bench = await startProvisioner(t);
	await bench.image('red', 'debian');
	const wanted = { project: 'red', name: 'web', image: 'debian' };
	bench.storage.faults.push(provisionerErrors.ImageRefused('its header is torn'));
	const failed = await done(bench, 'POST', '/v1/disks', wanted);
	t.like(failed, { status: 'FAILED', reason: 'its header is torn' });
	t.deepEqual(await bench.ok('GET', '/v1/disks'), { disks: [] });

	bench.storage.faults.push(provisionerErrors.StorageFault('the daemon is away'));
	const waiting = await bench.call('POST', '/v1/disks', wanted);
	t.is(waiting.status, 202);
	await bench.runner.idle();
	const path = `/v1/operations/${waiting.body.id}`;
	t.like(await bench.ok('GET', path), { status: 'PENDING', attempts: 1, error: 'the daemon is away' });
	t.like(await bench.call('DELETE', '/v1/disks/web'), { status: 409, body: { code: 'NotReady' } });
	t.is((await bench.call('POST', `${path}/cancel`, {}, 'bob')).status, 404);
	await bench.ok('POST', `${path}/cancel`, {});
	await bench.runner.idle();
	t.like(await bench.ok('GET', path), { status: 'FAILED', reason: 'alice has cancelled it' });
	t.deepEqual(await bench.ok('GET', '/v1/disks'), { disks: [] });
	t.is(bench.storage.volumes.size, 1);
	t.deepEqual(await bench.ok('GET', '/v1/operations'), { operations: [] });
	t.is(((await bench.ok('GET', '/v1/operations?all=true')).operations as unknown[]).length, 2);
	t.deepEqual(await bench.ok('GET', '/v1/operations?all=true', undefined, 'bob'), { operations: [] });
});

test('space is shown as it is used and shared; what no record knows is collected', async t => {
	const bench = await startProvisioner(t);
	const image = await bench.image('red', 'debian');
	for (const name of ['a', 'b'])
		await done(bench, 'POST', '/v1/disks', { project: 'red', name, image: 'debian' });
	bench.storage.volumes.set('lost', { bytes: Buffer.from('12345'), parent: null, isAttached: false });
	const usage = await bench.ok('GET', '/v1/usage');
	t.like(usage, { free: null, strays: [] });
	t.deepEqual(usage.images, [{ id: image, reference: 'red/debian@1', size: 17, own: 17, disks: 2 }]);
	t.deepEqual((await bench.ok('GET', '/v1/usage', undefined, 'bob')).images, []);
	t.like(await bench.ok('GET', '/v1/usage', undefined, 'root'), {
		free: 1000,
		strays: [{ id: 'lost', own: 5 }],
	});
	t.is((await bench.call('POST', '/v1/storage/collect', {})).status, 403);
	t.deepEqual(await bench.ok('POST', '/v1/storage/collect', {}, 'root'), {
		removed: ['lost'],
		bytes: 5,
		kept: [],
	});
	t.is(bench.storage.volumes.size, 3);
});

test('nobody is let in without a credential; what does not fit is named', async t => {
	const bench = await startProvisioner(t);
	t.like(await bench.call('GET', '/v1/images', undefined, null), {
		status: 401,
		body: { code: 'NotLoggedIn' },
	});
	t.is((await bench.call('GET', '/v1/images', undefined, 'mallory')).status, 401);
	t.like(await bench.ok('GET', '/v1/me', undefined, 'carol'), { name: 'carol', projects: ['blue', 'red'] });
	t.is((await bench.call('POST', '/v1/disks', { project: 'blue', name: 'a', image: 'x' })).status, 403);
	const bad = await bench.call('POST', '/v1/disks', { project: 'red', name: '../a', image: 'x', size: 5 });
	t.is(bad.status, 400);
	t.regex(String(bad.body.detail), /arguments\.name: expected up to 63.*size/s);
});

interface Paths {
	readonly paths: Readonly<
		Record<
			string,
			Readonly<
				Record<
					string,
					{
						readonly parameters?: readonly { in: string; name: string; required: boolean }[];
						readonly requestBody?: { readonly content: object };
					}
				>
			>
		>
	>;
}

test('the interface describes itself', async t => {
	const bench = await startProvisioner(t);
	const { paths } = (await bench.ok('GET', '/v1/openapi.json')) as unknown as Paths;
	const described = Object.entries(paths).flatMap(([path, calls]) =>
		Object.keys(calls).map(method => `${method.toUpperCase()} ${path}`),
	);
	const own = provisionerRoutes().map(({ method, path }) => `${method} /v1${path}`);
	const none = {} as ProvisionerDeps;
	const transfers = [...uploadRoutes(none), ...contentRoutes(none)].map(
		({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`,
	);
	const served = [...own, ...transfers, 'HEAD /v1/uploads/{upload}', 'GET /v1/openapi.json'];
	t.deepEqual(described.sort(), served.sort());
	const { parameters, requestBody } = paths['/v1/uploads/{upload}']?.patch ?? {};
	t.deepEqual(
		parameters?.map(({ in: where, name, required }) => [where, name, required]),
		[
			['path', 'upload', true],
			['header', 'Tus-Resumable', true],
			['header', 'Upload-Offset', true],
		],
	);
	t.deepEqual(Object.keys(requestBody?.content ?? {}), ['application/offset+octet-stream']);
});
