// kill -9 at every moment of an approved execution: what the proxy says after its restart is true, to everybody.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { listLogFiles, readLines } from '../../proxy/audit/log-files.ts';
import { verifyAudit } from '../../proxy/audit/verify-audit.ts';
import { type ChildProxy, startChildProxy } from './child-proxy.ts';
import { clearLog, createFaultySite, type FaultySite, reset, system } from './faulty-site.ts';

interface Held {
	readonly id: string;
	readonly digest: string;
	readonly monitor: string;
}

async function hold(site: FaultySite, proxy: ChildProxy): Promise<Held> {
	const base = proxy.bmcs.node1 ?? '';
	const { status, headers, json, text } = await proxy.ask(site.as('HSO'), 'POST', base + clearLog, {
		body: {},
	});
	if (status !== 202) throw new Error(text);
	const monitor = String(headers.location);
	return { id: json.Id, digest: json.Oem.Bimetal.Digest, monitor };
}

const approve = (site: FaultySite, proxy: ChildProxy, { id, digest }: Held) =>
	proxy.ask(site.as('CP'), 'POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } });

/** Starts the proxy again, and holds what it says of the request against what the BMC knows. */
async function lookAfter(
	t: ExecutionContext,
	site: FaultySite,
	held: Held,
	executedBefore: number,
	when: string,
): Promise<{ proxy: ChildProxy; state: string; times: number }> {
	const verdict = await verifyAudit({ folder: path.join(site.folder, 'audit') });
	t.true(verdict.ok, `${when}: ${JSON.stringify(verdict)}`);
	const proxy = await startChildProxy(site.config, site.ca);
	const times = site.executed(clearLog) - executedBefore;
	const { state } = (await proxy.ask(site.as('CP'), 'GET', `/p2c/v1/requests/${held.id}`)).json;
	const monitored = await proxy.ask(site.as('HSO'), 'GET', `${proxy.bmcs.node1}${held.monitor}`);
	const truth: Record<string, { times: readonly number[]; status: number; code?: string }> = {
		waiting: { times: [0], status: 202 },
		failed: { times: [0], status: 503, code: 'Bimetal.1.0.NotExecuted' },
		unknown: { times: [0, 1], status: 504, code: 'Bimetal.1.0.OutcomeUnknown' },
		executed: { times: [1], status: 204 },
	};
	const said = truth[state];
	if (!said) throw new Error(`${when}: ${state}`);
	t.true(said.times.includes(times), `${when}: ${state}, but executed ${times} times`);
	t.is(monitored.status, said.status, `${when}: ${monitored.text}`);
	if (said.code) t.is(monitored.json.error.code, said.code);
	// Whatever it says, approving again executes what still waits, and nothing else.
	const again = await approve(site, proxy, held);
	t.is(again.json.state, state === 'waiting' ? 'executed' : state, `${when}: ${again.text}`);
	t.is(site.executed(clearLog) - executedBefore, state === 'waiting' ? 1 : times, when);
	return { proxy, state, times };
}

test('killed at each write of an approved execution, the proxy knows what it can know, and sends once', async t => {
	t.timeout(300_000);
	const site = await createFaultySite(t);
	let proxy = await startChildProxy(site.config, site.ca);
	t.teardown(() => proxy.end());
	const first = await hold(site, proxy);
	// Its first log-in from here writes more than later ones.
	await proxy.ask(site.as('CP'), 'GET', '/p2c/v1/me');
	await proxy.arm();
	t.is((await approve(site, proxy, first)).json.state, 'executed');
	const moments = await proxy.passed();
	t.true(moments.length >= 10, moments.join('\n'));

	const found: string[] = [];
	for (let killAt = 1; killAt <= moments.length; killAt++) {
		const before = site.executed(clearLog);
		const held = await hold(site, proxy);
		await proxy.arm(killAt);
		await approve(site, proxy, held).catch(() => undefined);
		const how = await proxy.ended(20_000);
		if (how === 'alive') {
			// What the proxy writes now and then was counted with it above. All that it wrote this time has been killed at.
			t.is((await proxy.passed()).length, killAt - 1);
			break;
		}
		t.is(how, 'SIGKILL', `moment ${killAt} of ${moments.length}`);
		await proxy.end();
		const seen = await lookAfter(t, site, held, before, `killed at ${killAt}, ${moments[killAt - 1]}`);
		proxy = seen.proxy;
		found.push(`${seen.state} ${seen.times}`);
	}
	t.log(found.map((state, i) => `${moments[i]}: ${state}`).join('\n'));
	// In this order and no other; between the note that it is being sent and the BMC nothing can be known.
	const order = ['waiting 0', 'failed 0', 'unknown 0', 'unknown 1', 'executed 1'];
	t.deepEqual(
		[...new Set(found)],
		order.filter(each => (each === 'unknown 0' ? found.includes(each) : true)),
	);
	t.true(found.filter(each => each === 'unknown 0').length <= 1);
});

test('killed while the BMC has the request, the outcome is unknown, whatever it was', async t => {
	t.timeout(300_000);
	const site = await createFaultySite(t);
	let proxy = await startChildProxy(site.config, site.ca);
	t.teardown(() => proxy.end());
	for (const [at, times] of [
		['received', 1],
		['executed', 1],
	] as const) {
		const before = site.executed(clearLog);
		const held = await hold(site, proxy);
		const dying = proxy;
		// Opens the proxy's session with the BMC, so that the request is the next thing that the BMC has.
		t.is((await proxy.ask(site.as('HSO'), 'GET', `${proxy.bmcs.node1}${system}`)).status, 200);
		site.bmc.fault({
			async at(moment) {
				if (moment !== at) return;
				dying.signal('SIGKILL');
				await dying.ended();
			},
		});
		await approve(site, proxy, held).catch(() => undefined);
		t.is(await proxy.ended(60_000), 'SIGKILL');
		await proxy.end();
		site.bmc.fault({});
		for (let turn = 0; turn < 1e5 && site.executed(clearLog) === before; turn++)
			await new Promise(setImmediate);
		const seen = await lookAfter(t, site, held, before, at);
		proxy = seen.proxy;
		t.is(seen.state, 'unknown');
		t.is(seen.times, times);
	}
});

test('killed at each write of a change decided at once, the log says after the restart that nobody knows', async t => {
	t.timeout(300_000);
	const site = await createFaultySite(t);
	let proxy = await startChildProxy(site.config, site.ca);
	t.teardown(() => proxy.end());
	const body = { ResetType: 'ForceRestart' };
	const change = () => proxy.ask(site.as('CP'), 'POST', `${proxy.bmcs.node1}${reset}`, { body });
	/** Has all that was recorded before on disk: its own record is behind it, and it waits for that. */
	const flush = () => proxy.ask(site.as('HSO'), 'POST', `${proxy.bmcs.node1}${clearLog}`, { body: {} });
	const folder = path.join(site.folder, 'audit');

	/** Of each change that was to be executed since a record's number, what the log says came of it. */
	const outcomes = async (after: number) => {
		const decisions = new Map<number, { status: number; outcome: string | undefined }[]>();
		let last = 0;
		for (const file of await listLogFiles(folder))
			for await (const line of readLines(file.path)) {
				const { seq, record } = JSON.parse(line.toString());
				last = seq;
				if (seq <= after) continue;
				if (record.kind === 'decision' && record.method !== 'GET') decisions.set(seq, []);
				if (record.kind === 'answer')
					decisions.get(record.decision)?.push({ status: record.status, outcome: record.outcome });
			}
		return { last, said: [...decisions.values()] };
	};
	const unknown = { status: 504, outcome: 'unknown' };
	for (const [killAt, expected, times] of [
		['audit: about to record decision', undefined, 0],
		['audit: recorded decision', unknown, 0],
		['audit: about to record answer', unknown, 1],
		['audit: recorded answer', { status: 204, outcome: undefined }, 1],
	] as const) {
		// The first one after a start writes more: the log-in.
		t.is((await change()).status, 204);
		await flush();
		const { last } = await outcomes(0);
		const before = site.executed(reset);
		await proxy.arm(killAt);
		await change().catch(() => undefined);
		t.is(await proxy.ended(60_000), 'SIGKILL', killAt);
		await proxy.end();
		proxy = await startChildProxy(site.config, site.ca);
		t.true((await verifyAudit({ folder })).ok, killAt);
		await flush();
		const { said } = await outcomes(last);
		t.deepEqual(said, [...(expected ? [[expected]] : []), []], killAt);
		t.is(site.executed(reset) - before, times, killAt);
	}
});
