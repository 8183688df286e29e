// What the proxy must do before any BMC, whoever made it: run before the emulated one (test/system/emulated-bmc.test.ts),
// and before a real OpenBMC where there is an image (test/system/openbmc.test.ts).
import test, { type ExecutionContext } from 'ava';
import { Agent, request } from 'undici';
import { basicLine, requestText, sendBytes } from '../no-way-round/wire.ts';
import { until } from '../visitor.ts';
import { startOpenProxy } from './open-proxy.ts';
import { compareTrees } from './same-tree.ts';
import { type SomeBmc, type Ways, waysTo } from './some-bmc.ts';

type Register = (title: string, run: (t: ExecutionContext) => Promise<void>) => void;

/** A BMC under emulation takes its time for everything. */
const minutes = 60_000;
const entriesOf = (system: string): string => `${system}/LogServices/EventLog/Entries`;

/**
 * Registers the tests. `start` boots, enrols and puts the proxy in front; it is called once.
 *
 * @param register ava's test.serial, or what skips where there is nothing to test
 */
export function testSomeBmc(register: Register, start: () => Promise<SomeBmc>): void {
	let bmc: SomeBmc | undefined;
	let ways: Ways | undefined;
	let system = '';
	let manager = '';

	const ready = (): { bmc: SomeBmc; ways: Ways } => {
		if (!bmc || !ways) throw new Error('the BMC did not start');
		return { bmc, ways };
	};
	test.after.always(async () => {
		await ways?.close();
		await bmc?.close();
	});

	register('it starts, and the proxy is in front of it', async t => {
		t.timeout(20 * minutes);
		bmc = await start();
		ways = await waysTo(bmc);
		const member = async (collection: string): Promise<string> => {
			const { status, json } = await ready().ways.as('CP')('GET', `/redfish/v1/${collection}`);
			t.is(status, 200, collection);
			const paths: string[] = json.Members.map((one: { '@odata.id': string }) => one['@odata.id']);
			return paths.find(path => !path.endsWith('/hypervisor')) ?? t.fail(`no member in ${collection}`);
		};
		system = await member('Systems');
		manager = await member('Managers');
		t.is((await ways.as('HSO')('GET', system)).status, 200);
	});

	register('its old password is no password any more, and every door that could be shut is', async t => {
		t.timeout(5 * minutes);
		const { bmc, ways } = ready();
		t.is(await ways.direct.logIn(bmc.login.username, bmc.login.password), undefined);
		t.not(ways.password, bmc.login.password);
		const { body } = await until(
			async () => ({ body: (await ways.main('HSO')('GET', '/p2c/v1/bmcs')).json }),
			({ body }) => body.bmcs[0].doors !== 'unknown',
			120,
		);
		const [{ doors, openDoors }] = body.bmcs;
		t.deepEqual([...openDoors].sort(), [...bmc.left].sort());
		t.is(doors, bmc.left.length === 0 ? 'shut' : 'open');
		t.log(bmc.left.length === 0 ? 'no door is left open' : `it would not shut: ${bmc.left.join(', ')}`);
	});

	register('its tree is the same with and without the proxy, for whoever may see all of it', async t => {
		t.timeout(20 * minutes);
		const { bmc, ways } = ready();
		const open = await startOpenProxy(bmc.line);
		t.teardown(() => open.close());
		const login = await ways.login();
		const { read, withoutRow, differences } = await compareTrees(login, open.ask);
		await login.logOut();
		t.log(`${read} resources; without a row, and so denied: ${withoutRow.join(', ') || 'none'}`);
		t.true(read >= 30, `${read} resources`);
		t.deepEqual(differences, []);
		t.true(withoutRow.length < read / 10, `these have no row: ${withoutRow.join(', ')}`);
	});

	register('CP resets the system at once, since the power that HSO asks about is there', async t => {
		t.timeout(5 * minutes);
		const { ways } = ready();
		const { status, text } = await ways.as('CP')('POST', `${system}/Actions/ComputerSystem.Reset`, {
			ResetType: 'ForceRestart',
		});
		t.true([200, 202, 204].includes(status), `${status} ${text}`);
		t.notRegex(text, /Waiting|needs HSO/);
	});

	register(
		'the same asked for by HSO waits for CP, who sees it whole; denied, it is never executed',
		async t => {
			t.timeout(5 * minutes);
			const { ways } = ready();
			const hso = ways.as('HSO');
			const target = `${system}/Actions/ComputerSystem.Reset`;
			const waiting = await hso('POST', target, { ResetType: 'ForceRestart' });
			t.is(waiting.status, 202, waiting.text);
			t.regex(waiting.json['@odata.type'], /^#Task\./);
			const monitor = String(waiting.headers.location);
			const id = monitor.split('/').at(-1) ?? '';
			const cp = ways.main('CP');
			const { json: request } = await cp('GET', `/p2c/v1/requests/${id}`);
			t.is(request.state, 'waiting');
			t.deepEqual(request.body, { ResetType: 'ForceRestart' });
			t.deepEqual(request.needs, [['CP']]);
			const own = await ways.main('HSO')('POST', `/p2c/v1/requests/${id}/approve`, {
				digest: request.digest,
			});
			t.true(own.status >= 400, 'its own party is no second person');
			t.is((await cp('POST', `/p2c/v1/requests/${id}/deny`, { reason: 'not now' })).status, 200);
			const denied = await hso('GET', monitor);
			t.is(denied.status, 403);
			t.true(denied.text.includes('not now'));
		},
	);

	register('approved by CP it is executed, once, and its answer is its requester’s', async t => {
		t.timeout(5 * minutes);
		const { ways } = ready();
		const hso = ways.as('HSO');
		const waiting = await hso('POST', `${system}/Actions/ComputerSystem.Reset`, {
			ResetType: 'ForceRestart',
		});
		t.is(waiting.status, 202, waiting.text);
		const monitor = String(waiting.headers.location);
		const cp = ways.main('CP');
		const at = `/p2c/v1/requests/${monitor.split('/').at(-1)}`;
		const { digest } = (await cp('GET', at)).json;
		const approved = await cp('POST', `${at}/approve`, { digest });
		t.is(approved.json.state, 'executed', approved.text);
		const outcome = await hso('GET', monitor);
		t.true([200, 202, 204].includes(outcome.status), outcome.text);
		t.true([403, 404].includes((await ways.as('CP')('GET', monitor)).status));
		t.deepEqual((await cp('POST', `${at}/approve`, { digest })).json.outcome, approved.json.outcome);
	});

	register('a factory reset waits whoever asks for it', async t => {
		const { ways } = ready();
		for (const [first, second] of [
			['HSO', 'CP'],
			['CP', 'HSO'],
		] as const) {
			const target = `${manager}/Actions/Manager.ResetToDefaults`;
			const waiting = await ways.as(first)('POST', target, { ResetType: 'ResetAll' });
			t.is(waiting.status, 202, waiting.text);
			const at = `/p2c/v1/requests/${String(waiting.headers.location).split('/').at(-1)}`;
			t.deepEqual((await ways.main(second)('GET', at)).json.needs, [[second]]);
			t.is((await ways.main(second)('POST', `${at}/deny`, { reason: 'a test' })).status, 200);
		}
	});

	register('of the event log HSO sees the Critical entries, and CP all without Oem', async t => {
		t.timeout(10 * minutes);
		const { ways } = ready();
		const login = await ways.login();
		const all = await login.look(entriesOf(system));
		await login.logOut();
		const [own, theirs] = [
			await ways.as('HSO')('GET', entriesOf(system)),
			await ways.as('CP')('GET', entriesOf(system)),
		];
		t.is(theirs.status, all.status);
		if (all.status !== 200) return t.log(`it has no event log: ${all.status}`);
		type Entry = { Id: string; Severity?: string; Oem?: unknown };
		const entries = (all.json as unknown as { Members: Entry[] }).Members;
		t.log(`${entries.length} entries`);
		const ids = (list: readonly Entry[]) => list.map(({ Id }) => Id);
		// What came in between is only more.
		const critical = ids(entries.filter(({ Severity }) => Severity === 'Critical'));
		t.deepEqual(ids(own.json.Members).slice(0, critical.length), critical);
		t.true(own.json.Members.every(({ Severity }: Entry) => Severity === 'Critical'));
		t.deepEqual(ids(theirs.json.Members).slice(0, entries.length), ids(entries));
		t.true(theirs.json.Members.every(({ Oem }: Entry) => (Oem ?? null) === null));
		t.is(own.json['Members@odata.count'], own.json.Members.length);
	});

	register('sessions of operators are the proxy’s: their tokens are none at the BMC', async t => {
		t.timeout(5 * minutes);
		const { bmc, ways } = ready();
		const { name, password } = bmc.line.operators[0] ?? t.fail();
		const sessions = '/redfish/v1/SessionService/Sessions';
		const made = await ways.as(null)('POST', sessions, { UserName: name, Password: password });
		t.is(made.status, 201, made.text);
		const token = String(made.headers['x-auth-token']);
		const line = `X-Auth-Token: ${token}`;
		t.is((await raw(ways, `GET ${system}`, [line])).status, 200);
		t.is(await directly(bmc, line), 401);

		const login = await ways.login();
		const { json } = await login.look(sessions);
		const members = (json as unknown as { Members: { '@odata.id': string }[] }).Members;
		for (const { '@odata.id': path } of members) {
			const { json: session } = await login.look(path);
			t.not((session as { UserName?: string } | undefined)?.UserName, name);
		}
		await login.logOut();
		t.true([200, 204].includes((await ways.as('HSO')('DELETE', String(made.headers.location))).status));
		t.is((await raw(ways, `GET ${system}`, [line])).status, 401);
	});

	register('who is nobody, what has no row and what the table closes are refused', async t => {
		const { ways } = ready();
		const cp = ways.as('CP');
		t.is((await ways.as(null)('GET', system)).status, 401);
		t.is((await cp('GET', '/redfish/v1/NoSuchThing')).status, 403);
		t.is((await cp('PATCH', system, { NoSuchProperty: 1 })).status, 403);
		t.is((await cp('POST', `${manager}/Actions/Oem/NoSuchAction`, {})).status, 403);
	});

	register('there is no way round: neither by the form of a request nor past the proxy', async t => {
		t.timeout(5 * minutes);
		const { bmc, ways } = ready();
		const operator = bmc.line.operators.find(({ party }) => party === 'CP') ?? t.fail();
		const basic = basicLine(operator.name, operator.password);
		for (const [target, status] of [
			['//redfish/v1/Systems', 400],
			[`${system}/../../Managers`, 400],
			[`${system.replace('/Systems', '/%53ystems')}`, 400],
			[`${system}\\..\\..`, 400],
			[`${system}#x`, 400],
			[`${system};x=1`, 400],
			[`http://127.0.0.1${system}`, 400],
			[system.replace('/Systems', '/systems'), 403],
		] as const)
			t.is((await raw(ways, `GET ${target}`, [basic])).status, status, target);
		for (const [header, status] of [
			['X-HTTP-Method-Override: DELETE', 400],
			['Upgrade: websocket\r\nConnection: Upgrade', 426],
		] as const)
			t.is((await raw(ways, `GET ${system}`, [basic, header])).status, status, header);
		const doubled = await sendBytes(
			requestText(
				`POST ${system}/Actions/ComputerSystem.Reset`,
				[basic],
				'{"ResetType":"On","ResetType":"ForceOff"}',
			),
			{ port: Number(new URL(ways.port).port), ca: ways.ca },
		);
		t.is(doubled.answers[0]?.status, 400);

		const login = bmc.login;
		const publicly = await raw(ways, `GET ${system}`, [basicLine(login.username, login.password)]);
		t.is(publicly.status, 401, 'the BMC’s log-in is none at the proxy');
		t.is((await raw(ways, `GET ${system}`, [basicLine('root', ways.password)])).status, 401);
		t.is(await directly(bmc, basicLine(login.username, login.password)), 401);
		if (!bmc.left.some(door => door.includes('Basic')))
			t.is(await directly(bmc, basicLine(login.username, ways.password)), 401, 'Basic is shut');
		t.is(await directly(bmc, basic), 401);
	});

	async function raw(
		{ port, ca }: Ways,
		line: string,
		headers: readonly string[],
	): Promise<{ status: number }> {
		const { answers } = await sendBytes(requestText(line, [...headers]), {
			port: Number(new URL(port).port),
			ca,
		});
		return { status: answers[0]?.status ?? 0 };
	}

	/** The BMC's own status for somebody who gets to it past the proxy. */
	async function directly({ line }: SomeBmc, header: string): Promise<number> {
		const [name = '', value = ''] = header.split(/: (.*)/s);
		// Whoever attacks looks at no certificate.
		const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
		try {
			const url = new URL(system, line.bmcs[0]?.direct);
			const answer = await request(url, { dispatcher, headers: { [name]: value } });
			await answer.body.dump();
			return answer.statusCode;
		} finally {
			await dispatcher.destroy();
		}
	}
}
