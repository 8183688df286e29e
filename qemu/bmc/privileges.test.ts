import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import type { Role } from '../redfish/privileges.ts';
import { bmcForTest, messageOf, NAMES, PASSWORD } from './test-bmc.ts';
import { sendRaw } from './wire-client.ts';

const GOLDEN = new URL('privileges.golden.txt', import.meta.url);
const ROLES: readonly (Role | 'nobody')[] = ['nobody', 'ReadOnly', 'Operator', 'Administrator'];

/** A member of each collection that a pattern's `{}` can stand for. */
const MEMBERS: readonly (readonly [RegExp, string])[] = [
	[/Systems$/, 'system'],
	[/Chassis$/, 'chassis'],
	[/Managers$/, 'bmc'],
	[/Accounts$/, 'oper1'],
	[/Roles$/, 'Operator'],
	[/Sensors$/, 'temperature_cpu0'],
	[/PowerSupplies$/, 'powersupply0'],
	[/Fans$/, 'fan0'],
	[/Processors$/, 'cpu0'],
	[/Memory$/, 'dimm0'],
	[/Storage$/, '1'],
	[/Drives$/, 'drive0'],
	[/PostCodes\/Entries$/, 'B1-1'],
	[/Entries$/, '1'],
	[/EthernetInterfaces$/, 'eth0'],
	[/FirmwareInventory$/, 'bmc_active'],
	[/MetricReport(s|Definitions)$/, 'PowerMetrics'],
	[/JsonSchemas$/, 'Chassis'],
	[/Registries$/, 'Base'],
	[/Fabrics$/, 'fabric'],
];

function fill(pattern: string): string {
	let path = '';
	for (const segment of pattern.split('/').slice(1)) {
		path += `/${segment === '{}' ? (MEMBERS.find(([end]) => end.test(path))?.[1] ?? 'none') : segment}`;
	}
	return path;
}

// A request that changes something is sent with an ETag that nothing has: whoever may do it gets a 412, and
// nothing is done.
test('who may use which route', async t => {
	const { bmc } = await bmcForTest(t);
	const lines: string[] = [];
	for (const route of [...bmc.routes].sort()) {
		const [method = '', pattern = ''] = route.split(' ');
		const results: string[] = [];
		for (const role of ROLES) {
			const user = role === 'nobody' ? undefined : NAMES[role];
			const credentials = Buffer.from(`${user}:${PASSWORD}`).toString('base64');
			const authorization = user ? `Authorization: Basic ${credentials}\r\n` : '';
			const change = method === 'GET' || method === 'HEAD' ? '' : 'If-Match: "none"\r\n';
			const stream = pattern.endsWith('/SSE') ? 'Accept: text/event-stream\r\n' : '';
			const head = `${method} ${fill(pattern)} HTTP/1.1\r\nHost: x\r\n${authorization}${change}${stream}\r\n`;
			const { answers } = await sendRaw(bmc.port, head);
			const status = answers[0]?.status;
			results.push(`${role} ${status === 412 ? 'may' : status}`);
		}
		lines.push(`${route}: ${results.join(', ')}\n`);
	}
	const matrix = lines.join('');
	if (process.env.UPDATE_GOLDEN) writeFileSync(GOLDEN, matrix);
	t.is(matrix, readFileSync(GOLDEN, 'utf8'), 'run with UPDATE_GOLDEN=1 if the change is meant');
	t.is(bmc.executed.filter(one => one.method !== 'GET' && one.method !== 'HEAD').length, 0);
});

test('one may change the own password and nothing else of the own account, and nothing of another', async t => {
	const { ask } = await bmcForTest(t);
	const accounts = '/redfish/v1/AccountService/Accounts';
	const change = (path: string, body: Record<string, string>) =>
		ask('PATCH', `${accounts}/${path}`, { user: 'ro1', body });
	t.is((await change('root', { Password: 'New-pass1' })).status, 403);
	const raised = await change('ro1', { RoleId: 'Administrator' });
	t.is(raised.status, 403);
	t.is(messageOf(raised), 'InsufficientPrivilege');
	t.is((await change('ro1', { Password: 'New-pass1', RoleId: 'Administrator' })).status, 403);
	t.is((await ask('GET', '/redfish/v1/Systems', { user: 'ro1' })).status, 200);
	t.is((await change('ro1', { Password: 'New-pass1' })).status, 200);
	t.is((await ask('GET', '/redfish/v1/Systems', { user: 'ro1' })).status, 401);
	t.is((await ask('GET', '/redfish/v1/Systems', { user: 'ro1', password: 'New-pass1' })).status, 200);
	const own = await ask('GET', accounts, { user: 'ro1', password: 'New-pass1' });
	t.is(own.json['Members@odata.count'], 1);
	t.is((await ask('GET', `${accounts}/root`, { user: 'ro1', password: 'New-pass1' })).status, 403);
});
