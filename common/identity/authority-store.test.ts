import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../clock.ts';
import { loadIdentity, openAuthority, openServerCertificate } from './authority-store.ts';
import { createAuthority } from './site-ca.ts';

function withFolder(title: string, body: (t: ExecutionContext, folder: string) => Promise<void>): void {
	test(title, async t => {
		const parent = await mkdtemp(join(tmpdir(), 'bimetal-identity-'));
		try {
			await body(t, join(parent, 'keys'));
		} finally {
			await rm(parent, { recursive: true });
		}
	});
}

const clock = new FakeClock();
const day = 86_400_000;

withFolder(
	"an authority is made once and then found again; its key is its owner's alone",
	async (t, folder) => {
		const place = { folder, name: 'site', title: 'Site', clock };
		const made = await openAuthority(place);
		t.deepEqual(await openAuthority(place), made);
		t.deepEqual((await readdir(folder)).sort(), ['site.crt.pem', 'site.key.pem']);
		t.is((await stat(join(folder, 'site.key.pem'))).mode & 0o777, 0o600);
		t.is((await stat(folder)).mode & 0o777, 0o700);
	},
);

withFolder('a key that others may read is refused', async (t, folder) => {
	const place = { folder, name: 'site', title: 'Site', clock };
	await openAuthority(place);
	for (const mode of [0o640, 0o604, 0o620]) {
		await chmod(join(folder, 'site.key.pem'), mode);
		await t.throwsAsync(openAuthority(place), { code: 'KeyExposed' });
	}
});

withFolder('a lost, foreign or broken key is a fault, never a reason to make another', async (t, folder) => {
	const place = { folder, name: 'site', title: 'Site', clock };
	await openAuthority(place);
	const key = join(folder, 'site.key.pem');
	await writeFile(key, (await createAuthority({ name: 'Other', clock })).keyPem);
	await t.throwsAsync(openAuthority(place), { code: 'IdentityInvalid' });
	await writeFile(key, 'garbage');
	await t.throwsAsync(openAuthority(place), { code: 'IdentityInvalid' });
	await rm(key);
	await t.throwsAsync(openAuthority(place), { code: 'IdentityIncomplete' });
	await t.throwsAsync(loadIdentity({ folder, name: '../x' }), { code: 'IdentityInvalid' });
});

withFolder('a key whose certificate was not written yet is the rest of a first start', async (t, folder) => {
	const place = { folder, name: 'site', title: 'Site', clock };
	await openAuthority(place);
	await rm(join(folder, 'site.crt.pem'));
	const again = await openAuthority(place);
	t.deepEqual(await loadIdentity(place), again);
});

withFolder(
	'a server certificate is kept while it serves, and replaced when it does not',
	async (t, folder) => {
		const now = new FakeClock();
		const authority = await createAuthority({ name: 'Site', clock: now });
		const other = await createAuthority({ name: 'Site', clock: now });
		const place = {
			folder,
			name: 'proxy',
			authority,
			names: ['proxy'],
			addresses: ['127.0.0.1'],
			clock: now,
		};
		const made = await openServerCertificate(place);
		t.deepEqual(await openServerCertificate(place), made);
		now.advance(366 * day);
		t.deepEqual(await openServerCertificate(place), made);
		now.advance(2 * day);
		const renewed = await openServerCertificate(place);
		t.notDeepEqual(renewed, made, 'less than 30 days to go');
		const wider = await openServerCertificate({ ...place, names: ['proxy', 'node1'] });
		t.notDeepEqual(wider, renewed);
		t.deepEqual(await openServerCertificate(place), wider, 'more names than needed do no harm');
		t.notDeepEqual(await openServerCertificate({ ...place, authority: other }), wider);
	},
);
