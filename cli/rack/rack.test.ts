// A rack file: read strictly, registered once, and where something is recorded otherwise nothing is touched.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { startHilTerminal } from '../hil/test-hil.ts';
import { readRackFile } from './rack-file.ts';

const rack = `
switches:
  core:
    type: mock
    settings: { hostname: core, username: hil, password: { file: core.password } }
    ports: [te1/1]
users:
  carol: { password: carol.password, admin: true }
  dave: { password: carol.password }
projects:
  green: { users: [carol, dave], quota: { nodes: 2 } }
  red: { users: [carol] }
networks:
  storage: { vlan: 300, access: [green, red] }
  world: { access: public }
nodes:
  x1:
    management: https://p/bmc/x1
    metadata: { ram: 512, gpu: [A100, A100] }
    nics:
      eth0: { mac: "02:00:00:00:01:01", switch: core, port: te1/2 }
      eth1: { mac: "02:00:00:00:01:02" }
  n1:
    management: https://p/bmc/n1
    metadata: { ram: 65 }
    nics:
      eth0: { mac: "02:00:00:00:00:01", switch: tor, port: gi1/0/1 }
`;

async function start(t: ExecutionContext, text = rack, nodes = 1) {
	const bench = await startHilTerminal(t, nodes);
	const { home } = bench;
	for (const name of ['core', 'carol', 'tor']) {
		await writeFile(path.join(home, `${name}.password`), `${name} horse\n`, { mode: 0o600 });
	}
	const file = path.join(home, 'rack.yaml');
	await writeFile(file, text);
	const register = (...more: string[]) => bench.run('hil', 'register', 'rack.yaml', '--as', 'admin', ...more);
	return { ...bench, file, register };
}

test('what is missing is said, recorded, and found again', async t => {
	const { register, run, hil, home } = await start(t);
	const tried = await register('--dry-run');
	t.is(tried.code, 0, tried.err);
	t.snapshot(tried.out, 'dry run');
	t.deepEqual(await hil.ok('GET', '/v0/switches'), ['tor']);
	const made = await register();
	t.is(made.code, 0, made.err);
	t.is(made.out.split('\n').length, tried.out.split('\n').length - 2, 'as many as were said');
	t.like(await hil.ok('GET', '/v0/node/x1'), {
		nics: [
			{ label: 'eth0', port: 'te1/2', switch: 'core' },
			{ label: 'eth1', port: null },
		],
		metadata: { ram: '512', gpu: '["A100","A100"]' },
	});
	t.like(await hil.ok('GET', '/v0/node/n1'), { metadata: { ram: '65' } });
	t.like(await hil.ok('GET', '/v1/project/green'), { quota: { nodes: 2, networks: null } });
	t.like(await hil.ok('GET', '/v0/networks'), {
		storage: { network_id: '300', projects: ['green', 'red'] },
		world: { projects: null },
	});
	t.like(await hil.ok('GET', '/v0/auth/basic/users'), {
		carol: { is_admin: true, projects: ['green', 'red'] },
		dave: { is_admin: false, projects: ['green'] },
	});
	const changes = hil.mocks.at('core').changes;
	const again = await register();
	t.is(again.out, 'All of it is recorded already.\n');
	t.is(hil.mocks.at('core').changes, changes);
	await writeFile(path.join(home, 'new.yaml'), rack.replace('hostname: core', 'hostname: core2'));
	const replaced = await run('switch', 'replace', 'core', 'new.yaml', '--as', 'admin');
	t.is(replaced.code, 0, replaced.err);
	t.is((await run('switch', 'drift', 'core', '--as', 'admin')).code, 0);
	t.is((await run('switch', 'replace', 'tor', 'new.yaml', '--as', 'admin')).code, 2);
	const password = await readFile(path.join(home, 'carol.password'), 'utf8');
	t.false((tried.out + made.out).includes(password.trim()));
});

test('what is recorded otherwise is named, and nothing is changed', async t => {
	const { register, hil, file } = await start(
		t,
		`
networks: { inner: { vlan: 300, access: public } }
projects: { violet: }
nodes:
  n1:
    management: https://p/bmc/n1
    nics: { eth0: { mac: "02:00:00:00:00:01", switch: tor, port: gi1/0/2 } }
`,
	);
	await hil.ok('PUT', '/v0/network/inner', { owner: 'admin', access: 'red', net_id: '200' });
	const refused = await register();
	t.is(refused.code, 8);
	t.regex(
		refused.err,
		/n1\/eth0 is recorded in port gi1\/0\/1 of tor, not gi1\/0\/2 of tor: unplug it first/,
	);
	t.regex(refused.err, /network inner is recorded with VLAN 200, not 300/);
	t.deepEqual(await hil.ok('GET', '/v0/projects'), ['blue', 'red']);
	await writeFile(file, (await readFile(file, 'utf8')).replace('00:00:01', '00:00:99').replace('300', '200'));
	const other = await register();
	t.regex(other.err, /with 02:00:00:00:00:01, not 02:00:00:00:00:99.*is recorded as not public/);
});

test('a step that hil refuses is named; the same command goes on from there', async t => {
	const { register, run, hil, file } = await start(t, 'switches: { core: { type: none, settings: {} } }');
	const refused = await register();
	t.is(refused.code, 9);
	t.regex(refused.err, /^bimetal: switch core \(none\): .*is no type of switch/);
	await writeFile(file, rack.replace('te1/2', 'nonsense'));
	t.is((await register()).code, 9);
	t.deepEqual(await hil.ok('GET', '/v0/switches'), ['core', 'tor']);
	await writeFile(file, rack);
	t.is((await register()).code, 0);
	t.is((await run('hil', 'unplug', 'core', 'te1/2', '--as', 'admin')).code, 0);
	for (const record of [
		['nic', 'x1', 'eth0'],
		['nic', 'x1', 'eth1'],
		['node', 'x1'],
		['port', 'core', 'te1/2'],
		['port', 'core', 'te1/1'],
		['switch', 'core'],
	]) {
		const ran = await run('hil', 'forget', ...record, '--as', 'admin');
		t.is(ran.code, 0, ran.err);
	}
	t.is((await register('--as', 'red')).code, 3, 'not for members');
});

test('a file is read strictly: every problem with its place, and no secret in it', async t => {
	const { file, home } = await start(t);
	const fault = async (text: string) => {
		await writeFile(file, text);
		return t.throws(() => readRackFile(file))?.message ?? '';
	};
	t.regex(
		await fault(rack.replace('{ file: core.password }', 'open')),
		/rack\.yaml:5:.*a secret stands in a file/,
	);
	t.regex(await fault(rack.replace('core.password', 'nowhere')), /there is no file/);
	t.regex(await fault(rack.replace('02:00:00:00:01:01', '02-00')), /expected a MAC address/);
	t.regex(await fault(rack.replace(', port: te1/2', '')), /switch and port go together/);
	t.regex(await fault(rack.replace('projects:', 'project:')), /project/);
	t.regex(await fault('networks: { n: { access: [] } }'), /access/);
	await writeFile(file, rack);
	await chmod(path.join(home, 'carol.password'), 0o644);
	t.regex(t.throws(() => readRackFile(file))?.message ?? '', /chmod 600/);
});

test('the rack file of docs/hil.md is registered as it stands', async t => {
	const page = await readFile(new URL('../../docs/hil.md', import.meta.url), 'utf8');
	const [, example = ''] = /```yaml\n(# rack\.yaml\n.*?)```/s.exec(page) ?? [];
	const { register, hil } = await start(t, example, 0);
	const made = await register();
	t.is(made.code, 0, made.err);
	t.like(await hil.ok('GET', '/v0/node/node1'), {
		nics: [{ label: 'eth0', port: 'gi1/0/1', switch: 'tor' }],
	});
	t.is((await register()).out, 'All of it is recorded already.\n');
});
