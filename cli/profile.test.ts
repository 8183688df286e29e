import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { deleteProfile, listProfiles, loadProfile, profileHome, saveProfile } from './profile.ts';

async function folder(t: { teardown: (fn: () => Promise<void>) => void }): Promise<string> {
	const made = await mkdtemp(path.join(tmpdir(), 'bimetal-profile-'));
	t.teardown(() => rm(made, { recursive: true }));
	return made;
}
const hso = { name: 'hso', url: 'https://127.0.0.1:8443', ca: 'PEM', user: 'hso-operator', token: 'secret' };

test('a profile is kept as it was, readable by its owner alone', async t => {
	const home = path.join(await folder(t), 'deep', 'home');
	await saveProfile(home, hso);
	t.deepEqual(await loadProfile(home, 'hso'), hso);
	t.is((await stat(path.join(home, 'hso.json'))).mode & 0o777, 0o600);
	t.is((await stat(home)).mode & 0o777, 0o700);
});

test('saving over a profile that others could read closes it', async t => {
	const home = await folder(t);
	await writeFile(path.join(home, 'hso.json'), '{}', { mode: 0o644 });
	await saveProfile(home, hso);
	t.is((await stat(path.join(home, 'hso.json'))).mode & 0o777, 0o600);
	t.deepEqual(await readdir(home), ['hso.json']);
});

test('profiles saved at once do not overwrite each other', async t => {
	const home = await folder(t);
	const names = Array.from({ length: 8 }, (_, i) => `p${i}`);
	await Promise.all(names.map(name => saveProfile(home, { ...hso, name })));
	t.deepEqual(await listProfiles(home), names);
	await deleteProfile(home, 'p3');
	t.is(await loadProfile(home, 'p3'), undefined);
	t.is((await listProfiles(home)).length, 7);
});

test('names that are paths are refused, and URLs that are not https', async t => {
	const home = await folder(t);
	for (const name of ['../x', 'a/b', '', '.hidden'])
		await t.throwsAsync(saveProfile(home, { ...hso, name }), { code: 'Usage' });
	t.is(await loadProfile(home, '../../etc/passwd'), undefined);
	await t.throwsAsync(saveProfile(home, { ...hso, url: 'http://127.0.0.1:8080' }), { code: 'Usage' });
});

test('a file that holds no profile is named, not overlooked', async t => {
	const home = await folder(t);
	await writeFile(path.join(home, 'bad.json'), '{"url":1}');
	await t.throwsAsync(loadProfile(home, 'bad'), { message: /bad\.json does not hold a profile/ });
});

test('profiles are looked for in BIMETAL_HOME, then .bimetal/cli here, then the XDG folder', async t => {
	const cwd = await folder(t);
	const env = { HOME: '/home/someone' };
	t.is(profileHome({ env, cwd }), '/home/someone/.config/bimetal');
	t.is(profileHome({ env: { ...env, XDG_CONFIG_HOME: '/xdg' }, cwd }), '/xdg/bimetal');
	t.is(profileHome({ env: { ...env, XDG_CONFIG_HOME: 'relative' }, cwd }), '/home/someone/.config/bimetal');
	await mkdir(path.join(cwd, '.bimetal', 'cli'), { recursive: true });
	t.is(profileHome({ env, cwd }), path.join(cwd, '.bimetal', 'cli'));
	t.is(profileHome({ env: { ...env, BIMETAL_HOME: 'mine' }, cwd }), path.join(cwd, 'mine'));
});
