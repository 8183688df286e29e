// A real Ceph of this file's own; see ceph.fixture.ts.
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../../common/clock.ts';
import { silentLogger } from '../../../common/log/logger.ts';
import { findChildren } from '../../../common/processes/children.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import { until } from '../../../test/visitor.ts';
import { storageContract } from '../contract.ts';
import type { VolumeId } from '../storage.ts';
import { cephParts, type RbdBench, rbdBenches } from './rbd.fixture.ts';
import { openRbdStorage } from './rbd-storage.ts';

const test = testNeeding(...cephParts);
const setUp = rbdBenches();
const { signal } = new AbortController();
const MiB = 2 ** 20;

storageContract(test, 'rbd', setUp);

const inPool = async ({ ceph }: RbdBench): Promise<string[]> =>
	JSON.parse(await ceph.administer('rbd', 'ls', 'bimetal', '--format', 'json'));

async function diskOf(at: RbdBench, content: Buffer): Promise<VolumeId> {
	const [image, disk] = [randomUUID(), randomUUID()];
	const file = path.join(at.folder, `${image}.raw`);
	await writeFile(file, content);
	await at.storage.create(image, { from: 'file', file, format: 'raw' }, { signal });
	await at.storage.create(disk, { from: 'image', image }, { signal });
	return disk;
}

test('what was not finished goes: at once when it is given up, else at the next start; what is not ours stays', async t => {
	const at = await setUp(t);
	const cutOff = `${randomUUID()}.unfinished.${randomUUID()}`;
	await at.ceph.administer('rbd', 'create', '--size', '1M', `bimetal/${cutOff}`);
	await at.ceph.administer('rbd', 'create', '--size', '1M', 'bimetal/of-somebody');
	const next = await at.reopen();
	await until(
		() => inPool(next),
		names => names.join() === 'of-somebody',
	);
	const file = path.join(at.folder, 'large.raw');
	await writeFile(file, randomBytes(96 * MiB));
	const given = new AbortController();
	const making = next.storage.create(
		randomUUID(),
		{ from: 'file', file, format: 'raw' },
		{ signal: given.signal, onProgress: percent => percent > 55 && given.abort(new Error('given up')) },
	);
	await t.throwsAsync(making, { message: 'given up' });
	t.deepEqual(await inPool(next), ['of-somebody']);
	t.deepEqual([...(await next.storage.usage()).volumes], []);
});

test("the user's rights are those in the documents, no more; its key stands in no list of processes", async t => {
	const at = await setUp(t);
	const page = await readFile(new URL('../../../docs/provisioner.md', import.meta.url), 'utf8');
	const [, line] = /^(ceph auth get-or-create client\.bimetal .*)$/m.exec(page) ?? [];
	const documented = [...(line ?? '').matchAll(/(mon|osd|mgr) '([^']+)'/g)].map(
		([, of, cap]) => `${of} ${cap}`,
	);
	const held = await at.ceph.administer('ceph', 'auth', 'get', 'client.bimetal');
	const has = [...held.matchAll(/caps (\w+) = "([^"]+)"/g)].map(([, of, cap]) => `${of} ${cap}`);
	t.deepEqual(documented.sort(), has.sort());
	await at.ceph.administer('ceph', 'osd', 'pool', 'create', 'elsewhere', '1');
	const { configuration, user, keyring } = at.ceph;
	const elsewhere = openRbdStorage({
		...{ configuration, user, keyring, pool: 'elsewhere', run: at.run },
		...{ folder: path.join(at.folder, 'elsewhere'), clock: systemClock, logger: silentLogger },
	});
	await t.throwsAsync(elsewhere, { code: 'StorageFault', message: /does not let its user do that/ });
	await at.storage.attach(await diskOf(at, Buffer.alloc(MiB)), { isReadOnly: false });
	const [, key] = /key = (\S+)/.exec(held) ?? [];
	for (const { pid, command } of await findChildren(at.run)) {
		t.false(`${command}${await readFile(`/proc/${pid}/environ`, 'utf8')}`.includes(key ?? ''));
	}
	t.false((await readFile(path.join(at.folder, 'storage', 'ceph.conf'), 'utf8')).includes(key ?? ''));
});

test('a Ceph that cannot be used is said to be that, and nothing in it is taken for removed', async t => {
	const at = await setUp(t);
	const { configuration, pool, user } = at.ceph;
	const keyring = path.join(at.folder, 'keyring');
	let number = 0;
	const openWith = (settings: { configuration?: string; pool?: string }) =>
		openRbdStorage({
			...{ configuration, pool, user, keyring, run: at.run, ...settings },
			...{ folder: path.join(at.folder, String(number++)), clock: systemClock, logger: silentLogger },
		});
	const fault = { code: 'StorageFault' };
	await t.throwsAsync(openWith({}), { ...fault, message: /keyring|connect to the cluster/ });
	await writeFile(keyring, `[client.${user}]\nkey = ${randomBytes(28).toString('base64')}\n`);
	await t.throwsAsync(openWith({}), fault);
	await writeFile(keyring, await readFile(at.ceph.keyring));
	await t.throwsAsync(openWith({ pool: 'nowhere' }), { ...fault, message: /nowhere/ });
	await t.throwsAsync(openWith({ configuration: `${configuration}.lost` }), { ...fault, message: /lost/ });
	const disk = await diskOf(at, Buffer.alloc(MiB));
	const storage = await openWith({});
	t.teardown(() => storage.close());
	await rm(keyring);
	await t.throwsAsync(storage.remove(disk), fault);
	await t.throwsAsync(storage.attach(disk, { isReadOnly: true }), fault);
	await t.throwsAsync(storage.check(), fault);
	t.true((await at.storage.usage()).volumes.has(disk));
});

test('who opens a disk that another machine has open shuts that one out', async t => {
	const at = await setUp(t);
	const disk = await diskOf(at, Buffer.alloc(MiB));
	const before = await at.openBacking(await at.storage.attach(disk, { isReadOnly: false }));
	await before.write(0, Buffer.from('before'));
	const other = await at.another({ bound: 30_000 });
	const after = await at.openBacking(await other.storage.attach(disk, { isReadOnly: false }));
	t.is((await after.read(0, 6)).toString(), 'before');
	await after.write(0, Buffer.from('later!'));
	await t.throwsAsync(before.write(0, Buffer.from('again!')));
	t.is((await after.read(0, 6)).toString(), 'later!');
	await after.close();
	await before.close().catch(() => undefined);
	await other.storage.detach(disk);
});

test('nothing is left of it once it is closed', async t => {
	const at = await setUp(t);
	await at.storage.attach(await diskOf(at, Buffer.alloc(MiB)), { isReadOnly: false });
	t.true((await findChildren(at.run)).length > 0);
	await at.storage.close();
	t.deepEqual(await findChildren(at.run), []);
	t.false((await readFile('/proc/self/mounts', 'utf8')).includes(at.folder));
});
