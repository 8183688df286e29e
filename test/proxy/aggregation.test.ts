// A BMC that fronts another one (AggregationService): rows match the other's resources as they match its own.
import test from 'ava';
import { plainRequest } from '../../proxy/canonicalise/plain-request.ts';
import { compileClassifier } from '../../proxy/classify/classify.ts';
import { type Bmc, startBmc } from '../../qemu/bmc/bmc.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

const root = '/redfish/v1';
const prefix = '5B247A';
const login = { username: 'root', password: 'the-satellites-own' };

let satellite: Bmc;
let site: TestProxy;
test.before(async () => {
	satellite = await startBmc({
		name: 'satellite',
		accounts: [{ name: login.username, password: login.password, role: 'Administrator' }],
		failedLoginDelayMs: 0,
		taskTimeMs: 0,
	});
	site = await startTestProxy({ bmc: { satellites: { [prefix]: { url: satellite.url, ...login } } } });
});
test.after.always(async () => {
	await site?.close();
	await satellite?.close();
});
const system = `${root}/Systems/${prefix}_system`;
const chassis = `${root}/Chassis/${prefix}_chassis`;
const changes = (bmc: Bmc) => bmc.executed.filter(({ method }) => method !== 'GET' && method !== 'HEAD');

test.serial('its resources are listed, read and filtered like the own ones', async t => {
	for (const [collection, own] of [
		['Systems', 'system'],
		['Chassis', 'chassis'],
		['Managers', 'bmc'],
	]) {
		const listed = await site.at('cp-operator')('GET', `${root}/${collection}`);
		t.deepEqual(
			listed.json.Members.map((member: { '@odata.id': string }) => member['@odata.id']),
			[`${root}/${collection}/${own}`, `${root}/${collection}/${prefix}_${own}`],
		);
	}
	const [whole, masked] = [
		await site.at('hso-operator')('GET', chassis),
		await site.at('cp-operator')('GET', chassis),
	];
	t.is(whole.json['@odata.id'], chassis);
	t.like(whole.json.Certificates, { '@odata.id': `${chassis}/Certificates` });
	t.is(masked.json.Certificates, null, 'as the post-policy of the row has it');
	const byPrefix = await site.ask('hso-operator', 'GET', `/bmc/node1${chassis}`);
	t.is(byPrefix.json['@odata.id'], `/bmc/node1${chassis}`);
	t.false(whole.whole.includes(login.password));
});

test.serial('the same request of the own and of the other one is decided on alike', async t => {
	for (const [method, path, body] of [
		['GET', 'Systems/system', undefined],
		['GET', 'Systems/system/LogServices/HostLogger/Entries', undefined],
		['GET', 'Systems/system/Bios', undefined],
		['GET', 'Chassis/chassis/Sensors', undefined],
		['GET', 'Chassis/chassis/Certificates', undefined],
		['GET', 'Managers/bmc/NetworkProtocol', undefined],
		['GET', 'Managers/bmc/LogServices/Dump/Entries', undefined],
		['PATCH', 'Systems/system', { Boot: { TrustedModuleRequiredToBoot: 'Disabled' } }],
		['PATCH', 'Systems/system', { Boot: { BootSourceOverrideTarget: 'Pxe' } }],
		['PATCH', 'Systems/system', { Unheard: 1 }],
		['POST', 'Systems/system/Actions/ComputerSystem.Reset', { ResetType: 'Nmi' }],
		['POST', 'Managers/bmc/Actions/Manager.ResetToDefaults', { ResetType: 'ResetAll' }],
		['DELETE', 'Systems/system', undefined],
	] as const) {
		for (const who of ['hso-operator', 'cp-operator']) {
			const theirs = path.replace('/', `/${prefix}_`);
			const ask = (target: string) =>
				site.at(who)(method, `${root}/${target}`, body === undefined ? {} : { body });
			const [own, other] = [await ask(path), await ask(theirs)];
			t.is(other.status, own.status, `${who} ${method} ${theirs}`);
			const [mine, its] = site.records.filter(record => record.kind === 'decision').slice(-2);
			t.deepEqual(its?.operations, mine?.operations);
		}
	}
});

test.serial('what is approved is executed there, once, and nowhere else', async t => {
	const [own, theirs] = [changes(site.bmcs.node1).length, changes(satellite).length];
	const waits = await site.at('hso-operator')('PATCH', system, {
		body: { Boot: { TrustedModuleRequiredToBoot: 'Disabled' } },
	});
	t.is(waits.status, 202);
	t.is(changes(satellite).length, theirs);
	const { Id: id, Oem: oem } = waits.json;
	const approve = `/p2c/v1/requests/${id}/approve`;
	const approved = await site.ask('cp-operator', 'POST', approve, { body: { digest: oem.Bimetal.Digest } });
	t.is(approved.json.state, 'executed', approved.text);
	t.is(changes(satellite).length, theirs + 1);
	t.is(changes(site.bmcs.node1).length, own);
	t.like(changes(satellite).at(-1), { method: 'PATCH', path: `${root}/Systems/system` });
});

test.serial('a prefix opens nothing: other names, encodings and places', async t => {
	const before = changes(satellite).length;
	const reset = 'Actions/ComputerSystem.Reset';
	const body = { ResetType: 'ForceOff' };
	for (const [path, statuses] of [
		[`Systems/${prefix}_system%2f${reset}`, [400]],
		[`Systems/${prefix}_../Managers/bmc/Actions/Manager.Reset`, [403]],
		[`Systems/${prefix}_/../system/${reset}`, [400]],
		[`Systems/${prefix}_system/../${prefix}_system/${reset}`, [400]],
		[`${prefix}_Systems/system/${reset}`, [403]],
		[`Systems/${prefix}_${prefix}_system/${reset}`, [404, 202]],
		[`AccountService/Accounts/${prefix}_root`, [403, 405]],
		[`SessionService/Sessions/${prefix}_x`, [405, 404]],
	] as const) {
		const answer = await site.at('cp-operator')('POST', `${root}/${path}`, { body });
		t.true((statuses as readonly number[]).includes(answer.status), `${path}: ${answer.status}`);
	}
	t.deepEqual(
		changes(satellite)
			.slice(before)
			.filter(({ status }) => status < 400),
		[],
	);
});

test.serial('a task there belongs to its requester; sources can be looked at and not changed', async t => {
	const collect = `${root}/Managers/${prefix}_bmc/LogServices/Dump/Actions/LogService.CollectDiagnosticData`;
	const begun = await site.at('cp-operator')('POST', collect, { body: { DiagnosticDataType: 'Manager' } });
	t.is(begun.status, 202);
	t.is(begun.headers.location, `${root}/TaskService/TaskMonitors/${prefix}_0`);
	const poll = (who: string) => site.at(who)('GET', String(begun.headers.location));
	t.is((await poll('hso-operator')).status, 404);
	t.true([202, 204].includes((await poll('cp-operator')).status));

	const sources = `${root}/AggregationService/AggregationSources`;
	t.is((await site.at('hso-operator')('GET', `${sources}/${prefix}`)).status, 200);
	for (const [method, path] of [
		['POST', sources],
		['PATCH', `${sources}/${prefix}`],
		['DELETE', `${sources}/${prefix}`],
	] as const) {
		const refused = await site.at('cp-operator')(
			method,
			path,
			method === 'DELETE' ? {} : { body: { HostName: 'x' } },
		);
		t.is(refused.status, 403);
		t.regex(refused.json.error.message, /closed/);
	}
});

test.serial('every resource of the other one has a row', async t => {
	const classify = compileClassifier(site.policies);
	const seen = new Set([system, chassis, `${root}/Managers/${prefix}_bmc`]);
	const authorization = `Basic ${Buffer.from('root:the-BMCs-own-password').toString('base64')}`;
	const look = (value: unknown): void => {
		if (typeof value === 'string' && value.includes(`/${prefix}_`) && !value.includes('/Actions/'))
			seen.add(value.split('#')[0] ?? '');
		else if (typeof value === 'object' && value !== null)
			for (const child of Object.values(value)) look(child);
	};
	for (const path of seen) {
		const answer = await fetch(site.bmcs.node1.url + path, { headers: { authorization } });
		if (answer.status !== 200) continue;
		if (answer.headers.get('content-type')?.startsWith('application/json')) look(await answer.json());
		t.is(classify(plainRequest('GET', path)).kind, 'known', path);
	}
	t.true(seen.size > 50, `${seen.size}`);
});
