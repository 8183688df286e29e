// What a BMC's answer becomes for its reader, with BMCs that say more, or other things, than they should.
import test from 'ava';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import type { MaskPolicy, PredicatePolicy } from '../policy/policy-set.ts';
import { widen } from '../widen.ts';
import type { BmcConnection, ForwardRequest } from './bmc-connection.ts';
import { bmcGarbage } from './bmc-fault.ts';
import { gatherPages } from './pages.ts';
import { perform, renderSight } from './perform.ts';

const where = { file: 'x.yaml', line: 1, column: 1 };
const mask: MaskPolicy = { kind: 'mask', source: '', where, schema: 'LogEntry', path: ['Oem'], value: null };
const critical: PredicatePolicy = {
	kind: 'predicate',
	source: '',
	where,
	schema: 'LogEntry',
	holds: entry => (entry as { Severity?: string }).Severity === 'Critical',
};
const path = '/redfish/v1/Log/Entries';
const entry = (n: number, Severity: string) => ({
	'@odata.id': `${path}/${n}`,
	'@odata.type': '#LogEntry.v1_9_0.LogEntry',
	Severity,
	Oem: { secret: n },
});

interface Given {
	readonly status?: number;
	readonly headers?: Record<string, string>;
	readonly body?: JsonValue | string;
}

/** A BMC of these resources, and a call to it. */
function bench(resources: Readonly<Record<string, Given>>, how: Partial<Call['request']> = {}, prefix = '') {
	const sent: ForwardRequest[] = [];
	const send = async (request: ForwardRequest) => {
		sent.push(request);
		const { status = 200, headers = {}, body } = resources[request.target] ?? { status: 404, body: {} };
		const text = typeof body === 'string' ? body : JSON.stringify(body ?? null);
		const type = { 'content-type': 'application/json' };
		return { status, headers: { ...type, ...headers }, body: Buffer.from(body === undefined ? '' : text) };
	};
	const known: Partial<BmcConnection> = {
		target: { name: 'node1', rack: 'rack1', url: '' },
		send,
		pass: () => Promise.reject(new Error('not here')),
		async read(target) {
			const { status, body } = await send({ method: 'GET', target, headers: {}, body: undefined });
			if (status !== 200) throw bmcGarbage('node1', `status ${status}`);
			return JSON.parse(body.toString()) as JsonValue;
		},
		state: () => 'up',
		close: async () => undefined,
	};
	const bmc = known as BmcConnection;
	const request: Call['request'] = { ...plainRequest('GET', path), ...how };
	const call: Call = { request, operator: { name: 'h', party: 'HSO' }, bmc, prefix };
	return { call, sent, bmc };
}
const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
	work.then(
		() => undefined,
		(fault: BimetalError) => fault.code,
	);

const collection = (members: JsonValue[], more: Record<string, JsonValue> = {}) => ({
	'@odata.id': path,
	'@odata.type': '#LogEntryCollection.LogEntryCollection',
	Members: members,
	'Members@odata.count': members.length,
	...more,
});

test('a filtered answer: members dropped, masks applied, counts right, no tag of the BMC’s', async t => {
	const body = collection([entry(1, 'OK'), entry(2, 'Critical')]);
	const { call, sent } = bench({
		[path]: { body, headers: { etag: '"bmc"', server: 'x', 'x-auth-token': 'y' } },
	});
	const sight = await perform(call, [[critical], [mask]], undefined);
	t.deepEqual(sight.json, collection([{ ...entry(2, 'Critical'), Oem: null }]));
	t.not(sight.etag, '"bmc"');
	t.is(sight.bmcEtag, '"bmc"');
	const { headers } = renderSight(call, sight);
	t.is(headers.etag, sight.etag);
	t.deepEqual(Object.keys(headers).sort(), [
		'content-type',
		'etag',
		'odata-version',
		'x-content-type-options',
	]);
	t.is(sent.length, 1);
});

test('the tag changes with what the reader sees, and with nothing else', async t => {
	const tagOf = async (hidden: string, shown: string) => {
		const body = collection([
			{ ...entry(1, 'OK'), Message: hidden },
			{ ...entry(2, 'Critical'), Message: shown },
		]);
		const { call } = bench({ [path]: { body, headers: { etag: `"${hidden}${shown}"` } } });
		return (await perform(call, [[critical]], undefined)).etag;
	};
	t.is(await tagOf('a', 'x'), await tagOf('b', 'x'));
	t.not(await tagOf('a', 'x'), await tagOf('a', 'y'));
});

test('members that are links are looked at before they are shown; a BMC that will not say hides them', async t => {
	const link = (n: number) => ({ '@odata.id': `${path}/${n}` });
	const body = collection([link(1), link(2)]);
	const resources = { [path]: { body }, [`${path}/1`]: { body: entry(1, 'OK') } };
	const whole = { ...resources, [`${path}/2`]: { body: entry(2, 'Critical') } };
	t.deepEqual((await perform(bench(whole).call, [[critical]], undefined)).json, collection([link(2)]));
	t.is(await codeOf(perform(bench(resources).call, [[critical]], undefined)), 'BmcGarbage');
});

test('a hidden resource and one that is not there are told apart by nothing', async t => {
	const faults = [];
	for (const given of [{ body: entry(1, 'OK') }, { status: 404, body: { error: 'the BMC’s own words' } }]) {
		const { call } = bench({ [path]: given });
		faults.push(await t.throwsAsync<BimetalError>(perform(call, [[critical]], undefined)));
	}
	t.deepEqual([faults[0]?.code, faults[0]?.message], [faults[1]?.code, faults[1]?.message]);
	const { call } = bench({ [path]: { status: 404, body: { error: 'its own words' } } });
	t.is(
		(await perform(call, [], undefined)).status,
		404,
		'where nothing is hidden, the BMC speaks for itself',
	);
});

test('what is not JSON is shown where nobody filters it, and never where somebody does', async t => {
	const given = { body: 'raw bytes', headers: { 'content-type': 'application/octet-stream' } };
	const { call } = bench({ [path]: given });
	const shown = renderSight(call, await perform(call, [], undefined));
	t.is(Buffer.from(shown.body ?? []).toString(), 'raw bytes');
	t.is(shown.headers['content-type'], 'application/octet-stream');
	t.is(await codeOf(perform(call, [[mask]], undefined)), 'BmcGarbage');
	const lying = bench({ [path]: { body: '{"half":' } }).call;
	t.is(await codeOf(perform(lying, [[mask]], undefined)), 'BmcGarbage');
});

test('a change whose answer cannot be filtered says that it was executed', async t => {
	const { call } = bench({ [path]: { body: entry(1, 'OK') } }, { method: 'POST' });
	const fault = await t.throwsAsync<BimetalError>(perform(call, [[critical]], undefined));
	t.is(fault?.code, 'BmcGarbage');
	t.regex(fault?.message ?? '', /it was executed/);
});

test('query options are worked out after the filter; the BMC hears of none', async t => {
	const body = collection([entry(1, 'OK'), entry(2, 'Critical'), entry(3, 'Critical')]);
	const { call, sent } = bench({ [path]: { body } }, { query: [['$top', '1']] }, '/bmc/node1');
	const sight = await widen(call, await perform(call, [[critical]], undefined), async () => undefined);
	const { body: bytes } = renderSight(call, sight);
	const shown = JSON.parse(Buffer.from(bytes ?? []).toString());
	t.is(shown['Members@odata.count'], 2);
	t.deepEqual(
		shown.Members.map((member: { Severity: string }) => member.Severity),
		['Critical'],
	);
	t.is(shown['Members@odata.nextLink'], `/bmc/node1${path}?$skip=1&$top=1`);
	t.is(sent[0]?.target, path);
});

test('headers: a Location elsewhere is dropped, links carry the prefix', async t => {
	const link = '</redfish/v1/JsonSchemas/X>; rel=describedby';
	for (const [location, expected] of [
		['/redfish/v1/Systems', '/bmc/node1/redfish/v1/Systems'],
		['https://10.0.0.1/redfish/v1/Systems', undefined],
		['//10.0.0.1/x', undefined],
	]) {
		const { call } = bench(
			{ [path]: { body: {}, headers: { location: String(location), link } } },
			{},
			'/bmc/node1',
		);
		const { headers } = await perform(call, [], undefined);
		t.is(headers.location, expected);
		t.is(headers.link, '</bmc/node1/redfish/v1/JsonSchemas/X>; rel=describedby');
	}
});

test('a collection in pages is gathered whole; pages that lead elsewhere, or on for ever, are refused', async t => {
	const pages = Object.fromEntries(
		[0, 1, 2].map(n => {
			const next = n < 2 ? { 'Members@odata.nextLink': `${path}?$skip=${n + 1}` } : {};
			return [
				n === 0 ? path : `${path}?$skip=${n}`,
				{ body: { ...collection([n]), 'Members@odata.count': 3, ...next } },
			];
		}),
	);
	const { bmc } = bench(pages);
	t.deepEqual(await gatherPages(bmc, path, await bmc.read(path)), collection([0, 1, 2]));
	const single = collection([1]);
	t.is(await gatherPages(bmc, path, single), single);
	for (const next of [
		'https://elsewhere/redfish/v1/x',
		'/other',
		1,
		`${path}?loop`,
		`${path}?scalar`,
		`${path}/1?x`,
		`${path}s?x`,
		path,
	]) {
		const { bmc: bad } = bench({
			[`${path}?loop`]: { body: collection([1], { 'Members@odata.nextLink': `${path}?loop` }) },
			[`${path}?scalar`]: { body: 'null' },
		});
		const first = collection([1], { 'Members@odata.nextLink': next });
		t.is(await codeOf(gatherPages(bad, path, first)), 'BmcGarbage', String(next));
	}
});
