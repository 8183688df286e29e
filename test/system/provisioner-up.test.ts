// The provisioner as `bimetal up` starts it: images and disks on embedded defaults, without root, and without its parts.
import { chmod, chown, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { createTerminal } from '../../cli/test-terminal.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { createProvisionerClient, type ProvisionerClient } from '../../provisioner/client.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { type Site, type SiteOptions, startSite } from '../site.ts';

const withParts = testNeeding('qemu-utils', 'qemu-system-common');
/** Numbers of a user who owns nothing (Debian's nobody and nogroup). */
const nobody = 65_534;

async function folderFor(t: ExecutionContext): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-provisioner-up-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

async function as<R>(
	{ line, ca }: Site,
	name: string,
	work: (client: ProvisionerClient) => Promise<R>,
): Promise<R> {
	const password = line.hil.users.find(user => user.name === name)?.password ?? '';
	const client = createProvisionerClient({ url: line.provisioner.url, ca, username: name, password });
	try {
		return await work(client);
	} finally {
		await client.close();
	}
}

/** One that is ended also when the test fails before it does so: a process that is left would be waited for. */
async function started(t: ExecutionContext, options: SiteOptions): Promise<Site> {
	const site = await startSite(options);
	let isOver = false;
	t.teardown(() => (isOver ? undefined : site.stop()));
	return {
		...site,
		stop(signal) {
			isOver = true;
			return site.stop(signal);
		},
	};
}

const terminalOf = (state: string) => createTerminal({ env: { BIMETAL_HOME: path.join(state, 'cli') } });

/** Whether anybody may come by the folders that a file is in. */
async function isOpenToAll(file: string): Promise<boolean> {
	for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
		if (((await stat(folder)).mode & 0o005) !== 0o005) return false;
		if (folder === path.dirname(folder)) return true;
	}
}

/** Of a start as an ordinary user. Root becomes nobody where that may read the program, and else gives up all its rights. */
async function ordinarily(state: string): Promise<readonly string[]> {
	if (process.getuid?.() !== 0) return [];
	const setpriv = await findProgram('setpriv');
	const program = fileURLToPath(new URL('../../cli/bimetal.mjs', import.meta.url));
	if (!(await isOpenToAll(program)) || !(await isOpenToAll(process.execPath)))
		return [setpriv, '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', '--'];
	await chown(state, nobody, nobody);
	await chmod(path.dirname(state), 0o755);
	return [setpriv, `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--'];
}

withParts('an ordinary user gets images and disks; a second start finds them again', async t => {
	t.timeout(300_000);
	const folder = await folderFor(t);
	const state = path.join(folder, 'state');
	await mkdir(state);
	const through = await ordinarily(state);
	const first = await started(t, { state, through });
	t.deepEqual(first.line.provisioner.missing, []);
	const file = path.join(folder, 'golden.img');
	await writeFile(file, Buffer.alloc(2 ** 20, 'x'));
	const terminal = terminalOf(state);
	const imported = await terminal.run('image', 'import', file, '--as', 'red');
	t.is(imported.code, 0, imported.err);
	t.is((await terminal.run('image', 'share', 'golden', '--with', 'blue', '--as', 'red')).code, 0);
	const made = await terminal.run('disk', 'create', 'web', 'golden', '--as', 'red');
	t.is(made.code, 0, made.err);
	const snapshot = await terminal.run('disk', 'snapshot', 'web', 'saved', '--as', 'red');
	t.is(snapshot.code, 0, snapshot.err);
	// Its own account at hil manages nodes; nodes that are emulated boot nothing.
	const taken = await terminal.run('node', 'take', 'red', 'node4', '--as', 'red');
	t.is(taken.code, 0, taken.err);
	const refused = await terminal.run('node', 'provision', 'node4', 'golden', '--as', 'red');
	t.not(refused.code, 0);
	t.regex(refused.err, /`networks` in its provisioner\.yaml names none/);
	const readyz = await fetch(`${first.line.provisioner.ops}/readyz`);
	t.is(readyz.status, 200, await readyz.text());
	await first.stop('SIGINT');
	for (const { password } of first.line.hil.users) t.false(first.log().includes(password));

	const second = await started(t, { state, through });
	const shown = await as(second, 'blue-user', async client =>
		(await client.images()).map(image => image.name),
	);
	t.deepEqual(shown, ['golden']);
	const disks = await as(second, 'red-user', client => client.disks(undefined));
	t.deepEqual(
		disks.map(({ name, state: is }) => [name, is]),
		[['web', 'ready']],
	);
	await second.stop();
});

test('without its parts the site starts all the same, and says which to install', async t => {
	t.timeout(300_000);
	const folder = await folderFor(t);
	const programs = path.join(folder, 'programs');
	await mkdir(programs);
	// What every system has, and nothing of QEMU.
	for (const name of ['setpriv', 'sh']) await symlink(await findProgram(name), path.join(programs, name));
	const state = path.join(folder, 'state');
	const site = await started(t, { state, env: { ...process.env, PATH: programs } });
	t.deepEqual(site.line.provisioner.missing, ['qemu-utils', 'qemu-system-common']);
	t.deepEqual(site.line.provisioner.missingForBoot, [], 'nothing boots from them here');
	const terminal = terminalOf(state);
	t.regex((await terminal.run('image', 'list', '--as', 'red')).out, /No images/);
	const file = path.join(folder, 'golden.img');
	await writeFile(file, Buffer.alloc(2 ** 20, 'x'));
	const { code, err } = await terminal.run('image', 'import', file, '--as', 'red');
	t.not(code, 0);
	t.regex(err, /qemu-img is not here: apt-get install qemu-utils/);
	t.deepEqual(await as(site, 'red-user', client => client.operations(true)), [], 'before it is sent');
	const readyz = await fetch(`${site.line.provisioner.ops}/readyz`);
	t.is(readyz.status, 503);
	t.regex(await readyz.text(), /qemu-img is not here: apt-get install qemu-utils/);
	await site.stop('SIGINT');
});
