// BMCs that are down, slow or answer garbage behind a proxy that must stay well, and requests that are too big.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { generatePassword } from '../../common/identity/passwords.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { type RunningProxy, startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import { type Bmc, startBmc } from '../../qemu/bmc/bmc.ts';
import type { Faults } from '../../qemu/bmc/faults.ts';
import { createTestTls, type TestTls, writeSiteFolder } from '../site-folder.ts';
import { createVisitor, type Visitor } from '../visitor.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const policies = {
	'operations.yaml': `
- { type: Monitoring, operation: Get system, description: d, match: 'GET ${system}', p2c: HSO }
- { type: Operation, operation: Reset, description: d, match: 'POST ${reset}', p2c: HSO }
`,
};

let folder: string;
let tls: TestTls;
let bmcs: Record<'good' | 'bad', Bmc>;
let proxy: RunningProxy;
let good: Visitor;
let bad: Visitor;

test.before(async () => {
	folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bad-bmc-'));
	tls = await createTestTls();
	const password = generatePassword();
	const start = (name: string) =>
		startBmc({
			name,
			tls: { key: tls.server.keyPem, cert: tls.server.certificatePem },
			accounts: [{ name: 'root', password, role: 'Administrator' }],
		});
	bmcs = { good: await start('good'), bad: await start('bad') };
	const { config, operators } = await writeSiteFolder(folder, {
		tls,
		bmcs: { good: { url: bmcs.good.url, password }, bad: { url: bmcs.bad.url, password } },
		policies,
		limits: { bmcTimeout: '3s' },
	});
	proxy = await startProxy(readSite(config), { logger: silentLogger });
	const visit = (bmc: string) =>
		createVisitor({
			url: proxy.bmcs[bmc] ?? '',
			ca: tls.ca,
			username: 'hso-operator',
			password: operators[0]?.password ?? '',
		});
	good = visit('good');
	bad = visit('bad');
});
test.after.always(async () => {
	for (const visitor of [good, bad]) await visitor?.close();
	await proxy?.close();
	for (const bmc of Object.values(bmcs ?? {})) await bmc.close();
	await rm(folder, { recursive: true });
});

const faults: readonly (readonly [string, Faults, readonly number[]])[] = [
	['is down', { down: true }, [502, 504]],
	['is slow', { delayMs: 30_000 }, [502, 504]],
	['answers garbage', { garbage: true }, [502]],
	['breaks off in the middle of its answer', { dropMidAnswer: true }, [502, 504]],
];
for (const [what, fault, statuses] of faults) {
	test.serial(`a BMC that ${what} is answered for in Redfish's form, and the other one goes on`, async t => {
		bmcs.bad.fault(fault);
		t.teardown(() => bmcs.bad.fault({}));
		const began = Date.now();
		const failing = Promise.all([bad.get(system), bad.post(reset, { ResetType: 'GracefulRestart' })]);
		for (let i = 0; i < 5; i++) t.is((await good.get(system)).status, 200);
		for (const { status, headers, body } of await failing) {
			t.true(statuses.includes(status), `${status}`);
			t.regex(String(headers['content-type']), /application\/json/);
			const [message] = body.error['@Message.ExtendedInfo'];
			t.truthy(message.MessageId);
			t.true(message.Message.includes('bad'), 'it says which BMC');
			t.truthy(message.Resolution);
		}
		t.true(Date.now() - began < 25_000);
	});
}

test.serial('a BMC that is mended is served again', async t => {
	bmcs.bad.fault({ down: true });
	t.not((await bad.get(system)).status, 200);
	bmcs.bad.fault({});
	t.is((await bad.get(system)).status, 200);
});

test.serial('a body over the limit is refused with 413, and nothing of it reaches the BMC', async t => {
	const before = bmcs.good.executed.length;
	const { status, body } = await good.post(reset, { ResetType: 'On', Filler: 'x'.repeat(3 * 1024 * 1024) });
	t.is(status, 413);
	t.truthy(body.error['@Message.ExtendedInfo'][0].MessageId);
	t.is(bmcs.good.executed.length, before);
	t.is((await good.get(system)).status, 200);
});

test.serial('a body that is no JSON is refused with 400, and nothing of it reaches the BMC', async t => {
	const before = bmcs.good.executed.length;
	for (const text of ['{"ResetType":"On"', '{"ResetType":"On","ResetType":"ForceOff"}', '[]{}']) {
		t.is((await good.post(reset, text)).status, 400, text);
	}
	t.is(bmcs.good.executed.length, before);
});
