import type { ServerResponse } from 'node:http';
import test from 'ava';
import fc from 'fast-check';
import type { BmcConnection, ForwardRequest } from './bmc-connection.ts';
import { bmcGarbage } from './bmc-fault.ts';
import { coalesceReads } from './coalesce.ts';
import type { BmcAnswer } from './exchange.ts';

const system = '/redfish/v1/Systems/system';
const read = (target: string, headers: Record<string, string> = {}, method = 'GET'): ForwardRequest => ({
	method,
	target,
	headers: { accept: 'application/json', ...headers },
	body: undefined,
});

interface Sent {
	readonly request: ForwardRequest;
	answer(text: string): void;
	fail(): void;
}

/** A BMC whose exchanges wait until the test answers them. */
function scriptedBmc() {
	const sent: Sent[] = [];
	const bmc: Partial<BmcConnection> = {
		send: request =>
			new Promise<BmcAnswer>((resolve, reject) => {
				sent.push({
					request,
					answer: text => resolve({ status: 200, headers: {}, body: Buffer.from(text) }),
					fail: () => reject(new Error('no answer')),
				});
			}),
	};
	return { bmc: coalesceReads(bmc as BmcConnection), sent };
}

const settled = () => new Promise(resolve => setImmediate(resolve));
const textOf = async (answer: Promise<BmcAnswer>): Promise<string> => (await answer).body.toString();

test('who asks while one is under way shares the next one, not that one', async t => {
	const { bmc, sent } = scriptedBmc();
	const first = bmc.send(read(system));
	const [second, third] = [bmc.send(read(system)), bmc.send(read(system))];
	t.is(sent.length, 1);
	sent[0]?.answer('old');
	t.is(await textOf(first), 'old');
	await settled();
	t.is(sent.length, 2);
	const fourth = bmc.send(read(system));
	sent[1]?.answer('new');
	t.deepEqual(await Promise.all([second, third].map(textOf)), ['new', 'new']);
	await settled();
	t.is(sent.length, 3);
	sent[2]?.answer('newest');
	t.is(await textOf(fourth), 'newest');
	void bmc.send(read(system));
	t.is(sent.length, 4, 'nothing is kept');
});

test('a fault is everybody’s who shares the exchange, and nobody’s after it', async t => {
	const { bmc, sent } = scriptedBmc();
	const first = bmc.send(read(system));
	const shared = [bmc.send(read(system)), bmc.send(read(system))];
	sent[0]?.fail();
	await t.throwsAsync(first);
	await settled();
	sent[1]?.fail();
	for (const each of shared) await t.throwsAsync(each);
	const after = bmc.send(read(system));
	sent[2]?.answer('well');
	t.is(await textOf(after), 'well');
});

test('what differs in anything that the BMC is told is not the same read', t => {
	const { bmc, sent } = scriptedBmc();
	const requests = [
		read(system),
		read(`${system}/Bios`),
		read(system, { 'if-none-match': '"1"' }),
		read(system, { 'if-none-match': '"2"' }),
		read(`${system}?$select=Name`),
	];
	for (const request of requests) void bmc.send(request);
	t.is(sent.length, requests.length);
});

for (const target of [
	'/redfish/v1/TaskService/TaskMonitors/0',
	'/redfish/v1/EventService/SSE',
	'/redfish/v1/SessionService/Sessions',
	'/redfish/v1/UpdateService',
	`${system}/LogServices/EventLog/Entries/1`,
	`${system}/LogServices/EventLog/Entries/1/attachment`,
	`${system}/Oem/Vendor`,
	`${system}?$expand=.`,
	'/redfish/v1/Managers/bmc/../../TaskService/TaskMonitors/0',
]) {
	test(`never shared: ${target}`, t => {
		const { bmc, sent } = scriptedBmc();
		for (let i = 0; i < 3; i++) void bmc.send(read(target));
		t.is(sent.length, 3);
	});
}

test('what is too large to be kept is passed on as it comes', async t => {
	const passed: string[] = [];
	const bmc = coalesceReads({
		send: () => Promise.reject(bmcGarbage('node1', 'more than 16 bytes')),
		pass: async ({ target }: ForwardRequest) => {
			passed.push(target);
			return { status: 200, isPage: false };
		},
	} as Partial<BmcConnection> as BmcConnection);
	await bmc.pass(read(system), {} as ServerResponse, () => ({}));
	t.deepEqual(passed, [system]);
});

test('only GETs are shared', t => {
	const { bmc, sent } = scriptedBmc();
	for (const method of ['POST', 'PATCH', 'HEAD', 'DELETE'])
		for (let i = 0; i < 2; i++) void bmc.send(read(system, {}, method));
	t.is(sent.length, 8);
});

test('property: nobody is shown a state older than one’s own question, whatever comes when', async t => {
	const targets = [system, '/redfish/v1/Chassis/chassis'];
	const step = fc.oneof(
		{ weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), of: fc.nat(1) }) },
		{ weight: 2, arbitrary: fc.record({ kind: fc.constant('change' as const), of: fc.nat(1) }) },
		// The BMC looks at its state, later the answer arrives: both in any order among what is under way.
		{ weight: 3, arbitrary: fc.record({ kind: fc.constant('look' as const), at: fc.nat(3) }) },
		{ weight: 3, arbitrary: fc.record({ kind: fc.constant('arrive' as const), at: fc.nat(3) }) },
		{ weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), at: fc.nat(3) }) },
	);
	await fc.assert(
		fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
			const { bmc, sent } = scriptedBmc();
			const versions = [0, 0];
			const looked = new Map<Sent, string>();
			const over = new Set<Sent>();
			let [asked, answered] = [0, 0];
			const wrong: string[] = [];
			const underWay = () => sent.filter(each => !over.has(each));
			const look = (each: Sent) => {
				if (!looked.has(each)) looked.set(each, String(versions[targets.indexOf(each.request.target)]));
			};
			const arrive = (each: Sent) => {
				look(each);
				over.add(each);
				each.answer(looked.get(each) ?? '');
			};
			for (const next of steps) {
				if (next.kind === 'change') versions[next.of] = (versions[next.of] ?? 0) + 1;
				else if (next.kind === 'read') {
					const [now, before] = [versions[next.of] ?? 0, sent.length];
					asked++;
					bmc.send(read(targets[next.of] ?? '')).then(
						({ body }) => {
							answered++;
							if (Number(body.toString()) < now) wrong.push(`${body} is older than ${now}`);
						},
						() => answered++,
					);
					if (sent.length > before + 1) wrong.push('one read was sent twice');
				} else {
					const each = underWay()[next.at];
					if (!each) continue;
					if (next.kind === 'look') look(each);
					else if (next.kind === 'arrive') arrive(each);
					else {
						over.add(each);
						each.fail();
					}
				}
				await settled();
				for (const target of targets) {
					const flying = underWay().filter(({ request }) => request.target === target);
					if (flying.length > 1) wrong.push(`${flying.length} under way at once`);
				}
			}
			while (underWay().length > 0) {
				for (const each of underWay()) arrive(each);
				await settled();
			}
			t.deepEqual(wrong, []);
			t.is(answered, asked);
			t.true(sent.length <= asked);
		}),
		{ numRuns: 100 },
	);
});
