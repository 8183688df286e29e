import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { askAt, PASSWORD } from '../bmc/test-bmc.ts';
import type { OutletReading } from '../pdu/pdu.ts';
import { type RackOptions, startRack } from './rack.ts';
import { selfSigned } from './self-signed.ts';

const SYSTEM = '/redfish/v1/Systems/system';

function options(clock: FakeClock): RackOptions {
	return {
		clock,
		size: 3,
		postTimeMs: 5000,
		accounts: () => [{ name: 'root', password: PASSWORD, role: 'Administrator' }],
	};
}

test('a rack starts with its servers on, and its outlets follow them', async t => {
	const clock = new FakeClock();
	const published: [string, OutletReading][] = [];
	const changes: string[] = [];
	const rack = await startRack({
		...options(clock),
		onPowerChange: (state, bmc) => changes.push(`${bmc} ${state}`),
		events: {
			async publish(topic, payload) {
				published.push([topic, payload]);
			},
		},
	});
	t.teardown(() => rack.close());
	t.deepEqual(
		rack.bmcs.map(bmc => [bmc.name, bmc.powerState()]),
		[
			['node1', 'On'],
			['node2', 'On'],
			['node3', 'On'],
		],
	);
	const ask = askAt(rack.bmcs[1]?.url ?? '');
	const body = { ResetType: 'ForceRestart' };
	t.is((await ask('POST', `${SYSTEM}/Actions/ComputerSystem.Reset`, { body })).status, 204);
	t.is(published.at(-1)?.[0], 'bimetal/pdu/outlets/2');
	t.true((published.at(-1)?.[1].PowerWatts ?? 0) >= 128);
	clock.advance(5000);
	t.deepEqual(changes, ['node2 PoweringOn', 'node2 On']);
	const outlet = '/redfish/v1/PowerEquipment/RackPDUs/1/Outlets/3/Actions/Outlet.PowerControl';
	t.is((await askAt(rack.pdu.url)('POST', outlet, { body: { PowerState: 'Off' } })).status, 204);
	t.is(rack.bmcs[2]?.powerState(), 'Off');
});

test('every BMC has its own credential and its own identity', async t => {
	const rack = await startRack({
		...options(new FakeClock()),
		accounts: name => [{ name: 'root', password: `secret-${name}`, role: 'Administrator' }],
		failedLoginDelayMs: 0,
	});
	t.teardown(() => rack.close());
	const ask = askAt(rack.bmcs[0]?.url ?? '');
	t.is((await ask('GET', SYSTEM, { password: 'secret-node1' })).status, 200);
	t.is((await ask('GET', SYSTEM, { password: 'secret-node2' })).status, 401);
	const ids = await Promise.all(
		rack.bmcs.map(async bmc => {
			const { json } = await askAt(bmc.url)('GET', SYSTEM, { password: `secret-${bmc.name}` });
			return `${json.SerialNumber} ${json.UUID}`;
		}),
	);
	t.is(new Set(ids).size, 3);
});

test('a second start finds power states, settings and accounts as they were', async t => {
	const folder = mkdtempSync(join(tmpdir(), 'bimetal-rack-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const kept = { ...options(new FakeClock()), stateFolder: folder, failedLoginDelayMs: 0 };
	const first = await startRack(kept);
	const ask = askAt(first.bmcs[0]?.url ?? '');
	await ask('POST', `${SYSTEM}/Actions/ComputerSystem.Reset`, { body: { ResetType: 'ForceOff' } });
	await ask('PATCH', SYSTEM, { body: { AssetTag: 'kept', Boot: { BootSourceOverrideTarget: 'Pxe' } } });
	const before = (await ask('GET', '/redfish/v1/Systems/system/LogServices/EventLog/Entries')).text;
	await first.close();
	t.deepEqual(readdirSync(folder).sort(), ['node1.json', 'node2.json', 'node3.json']);
	t.false(readFileSync(join(folder, 'node1.json'), 'utf8').includes(PASSWORD));
	const second = await startRack(kept);
	t.deepEqual(
		second.bmcs.map(bmc => bmc.powerState()),
		['Off', 'On', 'On'],
	);
	const again = askAt(second.bmcs[0]?.url ?? '');
	const { json } = await again('GET', SYSTEM);
	t.is(json.AssetTag, 'kept');
	t.is((json.Boot as { BootSourceOverrideTarget: string }).BootSourceOverrideTarget, 'Pxe');
	t.is((await again('GET', '/redfish/v1/Systems/system/LogServices/EventLog/Entries')).text, before);
	await second.close();
	const changed = await startRack({
		...kept,
		accounts: () => [{ name: 'root', password: 'another-one', role: 'Administrator' }],
	});
	t.teardown(() => changed.close());
	t.is((await askAt(changed.bmcs[0]?.url ?? '')('GET', SYSTEM, { password: 'another-one' })).status, 200);
	t.is((await askAt(changed.bmcs[0]?.url ?? '')('GET', SYSTEM)).status, 401);
});

test('a rack that cannot start whole leaves nothing behind', async t => {
	const folder = mkdtempSync(join(tmpdir(), 'bimetal-rack-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	writeFileSync(join(folder, 'node3.json'), '{"power": "sideways"}');
	const clock = new FakeClock();
	const ports = { node1: 0 };
	await t.throwsAsync(startRack({ ...options(clock), ports, stateFolder: folder }), {
		code: 'BmcStateUnreadable',
	});
	const taken = await startRack(options(clock));
	t.teardown(() => taken.close());
	const port = taken.bmcs[0]?.port ?? 0;
	await t.throwsAsync(startRack({ ...options(clock), ports: { pdu: port } }), { code: 'EADDRINUSE' });
});

test('with certificates, a rack speaks TLS 1.3 and shows the certificate on the chassis', async t => {
	const identity = selfSigned('node1');
	const rack = await startRack({ ...options(new FakeClock()), size: 1, tls: () => identity });
	t.teardown(() => rack.close());
	t.true(rack.bmcs[0]?.url.startsWith('https://'));
	const { Agent, request } = await import('node:https');
	const agent = new Agent({ ca: identity.cert });
	const [protocol, body] = await new Promise<[string, string]>((resolve, reject) => {
		const sent = request(
			`${rack.bmcs[0]?.url}/redfish/v1/Chassis/chassis/Certificates/1`,
			{ agent, auth: `root:${PASSWORD}` },
			response => {
				const version =
					'getProtocol' in response.socket
						? (response.socket as never as { getProtocol(): string }).getProtocol()
						: '';
				let text = '';
				response.on('data', piece => {
					text += piece;
				});
				response.on('end', () => resolve([version, text]));
			},
		);
		sent.on('error', reject);
		sent.end();
	});
	agent.destroy();
	t.is(protocol, 'TLSv1.3');
	t.is(JSON.parse(body).Subject.CommonName, 'node1');
	t.is(JSON.parse(body).CertificateString, identity.cert);
});
