// A switch on another machine: its database over TLS, and no way to its control socket.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import {
	createAuthority,
	type Identity,
	issueOperatorCertificate,
	issueServerCertificate,
} from '../../../common/identity/site-ca.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import type { Settings } from '../driver.ts';
import { openVswitchType } from './driver.ts';
import { listeningPort, startTestVswitch } from './open-vswitch.fixture.ts';

const test = testNeeding('openvswitch-switch');
const { signal } = new AbortController();
const clock = systemClock;
const untagged = (native: number) => ({ native, tagged: [] });

/** A switch that listens for managers with certificates of an authority, as `ovs-vsctl set-ssl` and `set-manager` have it. */
async function setUp(t: ExecutionContext) {
	const vswitch = await startTestVswitch();
	t.teardown(() => vswitch.close());
	const authority = await createAuthority({ name: 'switches', clock });
	const own = await issueServerCertificate({ authority, names: ['tor'], addresses: ['127.0.0.1'], clock });
	const folder = join(vswitch.folder, 'pki');
	await mkdir(folder);
	const file = async (name: string, content: string): Promise<string> => {
		await writeFile(join(folder, name), content, { mode: 0o600 });
		return join(folder, name);
	};
	await vswitch.change(
		{
			op: 'insert',
			table: 'SSL',
			'uuid-name': 'ssl',
			row: {
				private_key: await file('key.pem', own.keyPem),
				certificate: await file('certificate.pem', own.certificatePem),
				ca_cert: await file('ca.pem', authority.certificatePem),
			},
		},
		{ op: 'insert', table: 'Manager', 'uuid-name': 'manager', row: { target: 'pssl:0:127.0.0.1' } },
		{
			op: 'update',
			table: 'Open_vSwitch',
			where: [],
			row: { ssl: ['named-uuid', 'ssl'], manager_options: ['named-uuid', 'manager'] },
		},
	);
	const ours = await issueOperatorCertificate({
		partyAuthority: authority,
		operator: { name: 'hil', party: 'site' },
		clock,
	});
	const port = await listeningPort(vswitch.daemons().ovsdb);
	const { hostname } = vswitch.settings;
	const settings = (by: Identity): Settings => ({
		hostname,
		database: `ssl:127.0.0.1:${port}`,
		certificate: by.certificatePem,
		key: by.keyPem,
	});
	return { vswitch, authority, ours, settings, port };
}

test('ports are set over TLS, and a change is said to be done when the switch has had time to forget', async t => {
	const { authority, ours, settings } = await setUp(t);
	const driver = openVswitchType({ ca: authority.certificatePem }).open(settings(ours));
	t.teardown(() => driver.close());
	t.deepEqual(await driver.readPort('p1', signal), { native: null, tagged: [] });
	const began = performance.now();
	await driver.setPort('p1', { native: 10, tagged: [11] }, signal);
	const took = performance.now() - began;
	t.true(took > 990, `${took} ms`);
	t.deepEqual(await driver.readPort('p1', signal), { native: 10, tagged: [11] });
	// A call that was given up does not wait.
	const given = new AbortController();
	const change = driver.setPort('p1', untagged(11), given.signal);
	given.abort(new Error('given up'));
	await t.throwsAsync(change, { message: 'given up' });
});

test('who cannot show that he is the switch is not spoken with, and who cannot show that he is hil is not listened to', async t => {
	const { vswitch, authority, ours, settings, port } = await setUp(t);
	const stranger = await createAuthority({ name: 'stranger', clock });
	const strange = await issueOperatorCertificate({
		partyAuthority: stranger,
		operator: { name: 'hil', party: 'site' },
		clock,
	});
	const fails = async (ca: string | undefined, given: Settings, message: RegExp) => {
		const driver = openVswitchType({ ca }).open(given);
		t.teardown(() => driver.close());
		const fault = await t.throwsAsync(driver.setPort('p1', untagged(10), signal), {
			code: 'SwitchAway',
			message,
		});
		t.notRegex(fault?.message ?? '', /PRIVATE KEY|BEGIN/);
	};
	await fails(stranger.certificatePem, settings(ours), /certificate/);
	await fails(undefined, settings(ours), /certificate/);
	await fails(
		authority.certificatePem,
		{ ...settings(ours), database: `ssl:localhost:${port}` },
		/localhost/,
	);
	await fails(authority.certificatePem, settings(strange), /./);
	await fails(authority.certificatePem, { hostname: 'br0', database: `tcp:127.0.0.1:${port}` }, /./);
	const [found] = await vswitch
		.daemons()
		.ovsdb.transact([{ op: 'select', table: 'Port', where: [['name', '==', 'p1']], columns: ['tag'] }]);
	t.deepEqual((found as { rows: unknown[] }).rows, [{ tag: ['set', []] }]);
});
