// The stand-alone proxy before a rack of eight real machines: what they really do decides on what may be done to them,
// and what is done to them really happens, once.
import { testNeeding } from '../debian/test-needing.ts';
import { openConsole } from '../proxy/open-console.ts';
import { until } from '../visitor.ts';
import { startRackSite } from './rack-site.ts';

const test = testNeeding('qemu-system-x86', 'qemu-utils', 'mtools', 'syslinux', 'xorriso');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 100;
// An idle rack draws 800 W and a bit; one machine that is really busy takes it over 1000 W.
const rackFile = `
nodes: 8
server: { memory: 96MiB, firmware: bios, disk: guest, nics: 0, watts: { idle: 100, busy: 1200 } }
switch: false
accelerator: tcg`;

test('eight real machines behind the stand-alone proxy', async t => {
	t.timeout(600_000);
	const { rack, url, ca, as, operators, consoleOf, memory } = await startRackSite(t, rackFile);
	const [hso, cp] = [as('HSO'), as('CP')];
	const system = (node: string) => `/bmc/${node}/redfish/v1/Systems/system`;
	/** A source that gives no fresh value denies for that moment (403), and nothing has happened. */
	const reset = (ask: typeof hso, node: string, ResetType: string) =>
		until(
			() => ask('POST', `${system(node)}/Actions/ComputerSystem.Reset`, { body: { ResetType } }),
			({ status }) => status !== 403,
			patience,
		);
	/** What would come of it, once that is so: facts are read every few seconds. */
	const wouldBe = (ask: typeof hso, verdict: 'execute' | 'wait', node: string, ResetType: string) => {
		const path = '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset';
		const body = { bmc: node, method: 'POST', path, body: { ResetType } };
		return until(
			() => ask('POST', '/p2c/v1/explain', { body }),
			({ json }) => json.verdict === verdict,
			patience,
		);
	};
	const boots = async (node: string) =>
		[...(await consoleOf(node)).matchAll(/bimetal guest: boot (\d+) of (\S+) serial=(\S+) uuid=(\S+)/g)].map(
			([, count, name, serial, uuid]) => ({ count: Number(count), name, serial, uuid }),
		);
	const booted = (node: string, times: number) =>
		until(
			() => boots(node),
			lines => lines.length >= times,
			patience,
		);
	const watts = () => rack.pdu.readings().reduce((sum, { PowerWatts }) => sum + PowerWatts, 0);
	const wattsAre = (fits: (sum: number) => boolean) => until(async () => watts(), fits, patience);
	const type = (node: string, text: string) =>
		rack.nodes.find(({ name }) => name === node)?.serial.type(Buffer.from(text));
	const names = rack.nodes.map(({ name }) => name);

	// Inspection finds in each machine what its BMC says of it.
	for (const name of names) {
		const { json } = await cp('GET', system(name));
		t.is(json.PowerState, 'On');
		t.deepEqual(await booted(name, 1), [{ count: 1, name, serial: json.SerialNumber, uuid: json.UUID }]);
	}

	// All eight are on: a machine of 8 GB has room for them, for the proxy and for whoever works on it.
	const gibibytes = (await memory()) / 2 ** 30;
	t.log(`eight servers take ${gibibytes.toFixed(2)} GiB`);
	t.true(gibibytes > 0.5 && gibibytes < 3, `${gibibytes} GiB`);

	// CP has a console, which the site has agreed to, and sees on it what the site does.
	const operator = operators.find(({ party }) => party === 'CP');
	const consoleUrl = `${url}/bmc/node1/console0`;
	const asked = await openConsole(t, ca, operator ?? null, consoleUrl);
	t.is(asked.status, 202);
	const approve = (ask: typeof hso, id: string, digest: string) =>
		ask('POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } });
	t.is((await approve(hso, asked.json.Id, asked.json.Oem.Bimetal.Digest)).status, 200);
	const shown = await openConsole(t, ca, operator ?? null, consoleUrl);
	t.is(shown.status, 101);
	shown.socket.send('echo typed-by-$(hostname)\r');
	await shown.until('typed-by-node1');

	// Eight are up: the site restarts one at once, and it boots exactly once more.
	await wouldBe(hso, 'execute', 'node1', 'ForceRestart');
	t.is((await reset(hso, 'node1', 'ForceRestart')).status, 204);
	await shown.until('bimetal guest: boot 2 of node1');
	await shown.until('node1# ');

	// The feed is limited: while a machine is busy, what CP asks for waits for the site.
	await wouldBe(cp, 'execute', 'node2', 'ForceRestart');
	t.true(watts() >= 800, 'what eight machines draw that have nothing to do');
	type('node3', 'while :; do :; done\r');
	await wattsAre(sum => sum >= 1000);
	await wouldBe(cp, 'wait', 'node2', 'ForceRestart');
	const waiting = await reset(cp, 'node2', 'ForceRestart');
	t.is(waiting.status, 202);
	t.deepEqual(waiting.json.Oem.Bimetal.NeedsAuthorizationOf, [['HSO']]);
	type('node3', '\x03');
	await wattsAre(sum => sum < 950);
	t.is(
		(await hso('POST', `/p2c/v1/requests/${waiting.json.Id}/deny`, { body: { reason: 'busy' } })).status,
		200,
	);
	const before = (await boots('node2')).length;

	await wouldBe(cp, 'execute', 'node6', 'GracefulShutdown');

	// Three go down: one by CP's word, which is no matter of power now, and two by their own.
	t.is((await reset(cp, 'node6', 'GracefulShutdown')).status, 204);
	for (const name of ['node7', 'node8']) type(name, 'poweroff\r');
	for (const name of ['node6', 'node7', 'node8']) {
		await until(
			() => hso('GET', system(name)),
			({ json }) => json.PowerState === 'Off',
			patience,
		);
		t.regex(await consoleOf(name), /bimetal guest: shutting down/);
	}
	await wattsAre(sum => sum < 600);

	// Five are up: what the site asks for waits for CP, and happens once CP has said yes.
	await wouldBe(hso, 'wait', 'node1', 'GracefulRestart');
	const held = await reset(hso, 'node1', 'GracefulRestart');
	t.is(held.status, 202);
	t.deepEqual(held.json.Oem.Bimetal.NeedsAuthorizationOf, [['CP']]);
	t.is((await boots('node1')).length, 2, 'nothing has happened to it');
	t.is((await approve(cp, held.json.Id, held.json.Oem.Bimetal.Digest)).status, 200);
	await shown.until('bimetal guest: shutting down');
	await shown.until('bimetal guest: boot 3 of node1');

	// One more comes up by CP's word, as soon as the feed has room for it, and the site is free again.
	await wouldBe(cp, 'execute', 'node6', 'On');
	t.is((await reset(cp, 'node6', 'On')).status, 204);
	await booted('node6', 2);
	await wouldBe(hso, 'execute', 'node4', 'PowerCycle');
	t.is((await reset(hso, 'node4', 'PowerCycle')).status, 204);
	await booted('node4', 2);

	// Every machine has booted as often as it was told to, by its own count.
	const counts = Object.fromEntries(
		await Promise.all(
			names.map(async name => [name, (await boots(name)).map(({ count }) => count)] as const),
		),
	);
	t.is(before, 1);
	t.deepEqual(counts, {
		node1: [1, 2, 3],
		node2: [1],
		node3: [1],
		node4: [1, 2],
		node5: [1],
		node6: [1, 2],
		node7: [1],
		node8: [1],
	});
});
