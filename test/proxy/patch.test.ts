// PATCH: authorized property by property, and carried out whole or not at all (docs/decisions/0011).
import test from 'ava';
import fc from 'fast-check';
import { bmcPassword, startTestProxy, type TestProxy } from './start-proxy.ts';

const system = '/redfish/v1/Systems/system';
let site: TestProxy;
test.before(async () => {
	site = await startTestProxy({ maxPerOperator: 1000 });
});
test.after.always(() => site?.close());

const names = ['AssetTag', 'PowerMode', 'LocationIndicatorActive', 'Boot'] as const;
type Node = 'node1' | 'node2' | 'node3';

/** A BMC without the proxy. */
async function direct(
	node: Node,
	method: string,
	body?: unknown,
): Promise<{ status: number; json: unknown }> {
	const answer = await fetch(site.bmcs[node].url + system, {
		method,
		headers: {
			authorization: `Basic ${Buffer.from(`root:${bmcPassword}`).toString('base64')}`,
			'content-type': 'application/json',
		},
		...(body !== undefined && { body: JSON.stringify(body) }),
	});
	const text = await answer.text();
	return { status: answer.status, json: text === '' ? undefined : JSON.parse(text) };
}
async function stateOf(node: Node): Promise<string> {
	const { json } = await direct(node, 'GET');
	const resource = json as Record<string, unknown>;
	return JSON.stringify(names.map(name => resource[name]));
}
/** How many PATCHes a BMC has had since the one given; it keeps the latest of what it has executed alone. */
const patchesSince = (node: Node, latest: Executed | undefined): number => {
	const { executed } = site.bmcs[node];
	return executed.slice(latest ? executed.lastIndexOf(latest) + 1 : 0).filter(each => each.method === 'PATCH')
		.length;
};
type Executed = (typeof site.bmcs)[Node]['executed'][number];

/** Values that are right, and now and then one that the BMC refuses, or that no row covers. */
const rarely = <T>(right: fc.Arbitrary<T>, wrong: unknown) =>
	fc.oneof(
		{ weight: 9, arbitrary: right as fc.Arbitrary<unknown> },
		{ weight: 1, arbitrary: fc.constant(wrong) },
	);
const never = fc.constant(undefined);
const body = fc
	.record(
		{
			AssetTag: rarely(fc.stringMatching(/^[a-z]{1,5}$/), 7),
			PowerMode: rarely(fc.constantFrom('Static', 'PowerSaving'), 'Nope'),
			LocationIndicatorActive: rarely(fc.boolean(), 'x'),
			Boot: fc.record(
				{
					BootSourceOverrideTarget: rarely(fc.constantFrom('Pxe', 'Hdd'), 'Nowhere'),
					AutomaticRetryAttempts: rarely(fc.integer({ min: 0, max: 10 }), 11),
					TrustedModuleRequiredToBoot: rarely(fc.constantFrom('Disabled', 'Required'), true),
					RemainingAutomaticRetryAttempts: rarely(never, 1),
				},
				{ requiredKeys: ['BootSourceOverrideTarget'] },
			),
			'@odata.type': fc.constant('#ComputerSystem.v1_22_0.ComputerSystem'),
			Unheard: rarely(never, 1),
		},
		{ requiredKeys: ['AssetTag'] },
	)
	.map(content => JSON.parse(JSON.stringify(content)));

test.serial(
	'property: whatever becomes of a PATCH, the BMC is as it was, or as the whole leaves it',
	async t => {
		// Both begin alike: node2 is what node1 would be without the proxy.
		for (const node of ['node1', 'node2'] as const) await direct(node, 'PATCH', { AssetTag: 'start' });
		const met = new Set<string>();
		await fc.assert(
			fc.asyncProperty(
				body,
				fc.constantFrom('hso-operator', 'cp-operator'),
				fc.boolean(),
				fc.constantFrom(8, 2),
				async (content, who, approves, up) => {
					site.world.up = up;
					const before = await stateOf('node1');
					const latest = site.bmcs.node1.executed.at(-1);
					const answer = await site.at(who)('PATCH', system, { body: content });
					let final = answer.status;
					if (final === 202) {
						t.is(await stateOf('node1'), before, 'nothing of it is done while it waits');
						const { Id: id, Oem: oem } = answer.json;
						const other = who === 'hso-operator' ? 'cp-operator' : 'hso-operator';
						const act = approves ? 'approve' : 'deny';
						const told = approves ? { digest: oem.Bimetal.Digest } : { reason: 'no' };
						const acted = await site.ask(other, 'POST', `/p2c/v1/requests/${id}/${act}`, { body: told });
						if (approves && acted.json.state !== 'executed') console.log(acted.text.slice(0, 600));
						final = acted.json.state === 'executed' ? acted.json.outcome.status : 403;
					}
					const done = patchesSince('node1', latest);
					met.add(`${answer.status} ${done} ${final}`);
					if (done === 0) return t.is(await stateOf('node1'), before);
					t.is(done, 1, 'one request for one request');
					const whole = await direct('node2', 'PATCH', content);
					t.is(final, whole.status);
					t.is(await stateOf('node1'), await stateOf('node2'));
				},
			),
			{ numRuns: 150 },
		);
		site.world.up = 8;
		// All ways were gone: at once, at once and refused by the BMC, after waiting, denied by a party, unknown.
		for (const way of ['204 1 204', '400 1 400', '202 1 204', '202 1 400', '202 0 403', '403 0 403'])
			t.true(met.has(way), `${way} of ${[...met]}`);
	},
);

test.serial(
	'why it is not split: of one body with a wrong value the BMC does nothing, of its halves one',
	async t => {
		const halves = [{ AssetTag: 'half' }, { Boot: { BootSourceOverrideTarget: 'Nowhere' } }] as const;
		const before = await stateOf('node3');
		t.is((await direct('node3', 'PATCH', { ...halves[0], ...halves[1] })).status, 400);
		t.is(await stateOf('node3'), before);
		for (const half of halves) await direct('node3', 'PATCH', half);
		t.not(await stateOf('node3'), before);
	},
);

test.serial('a PATCH that waits says which property needs whom', async t => {
	const mixed = {
		AssetTag: 'a',
		Boot: { BootSourceOverrideTarget: 'Pxe', TrustedModuleRequiredToBoot: 'Disabled' },
	};
	const waits = await site.at('cp-operator')('PATCH', system, { body: mixed });
	t.is(waits.status, 202);
	t.deepEqual(waits.json.Oem.Bimetal.Properties, [
		{ Property: 'Boot.BootSourceOverrideTarget', NeedsAuthorizationOf: [] },
		{ Property: 'Boot.TrustedModuleRequiredToBoot', NeedsAuthorizationOf: [['HSO']] },
		{ Property: 'AssetTag', NeedsAuthorizationOf: [] },
	]);
	t.regex(
		waits.json.Messages[0].Message,
		/Boot\.TrustedModuleRequiredToBoot needs HSO\. Nobody more is needed for/,
	);
	const single = await site.at('cp-operator')('PATCH', system, {
		body: { Boot: { TrustedModuleRequiredToBoot: 'Disabled' } },
	});
	t.is(single.json.Oem.Bimetal.Properties, undefined);

	site.world.unavailable = true;
	const denied = await site.at('hso-operator')('PATCH', system, {
		body: { AssetTag: 'a', PowerMode: 'Static' },
	});
	site.world.unavailable = false;
	if (denied.status === 403)
		t.regex(denied.json.error.message, /denied for PowerMode; a request is never split/);
	else t.is(denied.status, 202);
});

test.serial('annotations that a client sends back mean nothing; other resources are not reached', async t => {
	const patch = (content: unknown, path = system) => site.at('cp-operator')('PATCH', path, { body: content });
	const read = { '@odata.id': system, '@odata.type': '#X', '@odata.etag': 'W/"1"', AssetTag: 'back' };
	t.is((await patch(read)).status, 204);
	t.deepEqual(site.bmcs.node1.executed.at(-1)?.body, { AssetTag: 'back' });
	const nothing = await patch({ '@odata.id': system });
	t.is(nothing.status, 400);
	t.is(nothing.json.error.code, 'Base.1.19.NoOperation');
	const empty = await site.at('hso-operator')('PATCH', system, { body: {} });
	t.is(empty.status, 403);
	t.regex(empty.json.error.message, /that sets no property is covered by no row\.$/);
	for (const [content, path, status] of [
		[{ Members: [{ AssetTag: 'x' }] }, '/redfish/v1/Systems', 405],
		[{ Bios: { Attributes: { X: 1 } } }, system, 403],
		[{ Boot: { '@odata.type': '#X', BootSourceOverrideTarget: 'Pxe' } }, system, 403],
		[{ '@Redfish.OperationApplyTime': 'Immediate', AssetTag: 'x' }, system, 403],
		[{ 'AssetTag@Redfish.AllowableValues': [], AssetTag: 'x' }, system, 403],
	] as const) {
		const latest = site.bmcs.node1.executed.at(-1);
		const answer = await patch(content, path);
		t.is(answer.status, status, JSON.stringify(content));
		t.is(patchesSince('node1', latest), 0);
	}
});
