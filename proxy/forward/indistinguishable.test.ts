// Two resources that differ in nothing but what is hidden from a reader are one and the same to that reader: in status,
// headers, body, the length that HEAD tells, and in whether a condition on an entity tag holds.
import test from 'ava';
import fc from 'fast-check';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Answer } from '../answer/answer.ts';
import { renderRedfishError } from '../answer/redfish-error.ts';
import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import { strongETag } from '../filter/etag.ts';
import type { PostPolicy } from '../policy/policy-set.ts';
import { compilePostPolicy } from '../policy/post-policy.ts';
import { showChange } from '../show-change.ts';
import { widen } from '../widen.ts';
import type { BmcConnection } from './bmc-connection.ts';
import { perform, renderSight } from './perform.ts';

const where = { file: 'test.yaml', line: 1, column: 1 };
const posts = [
	'LogEntry.Oem* := null',
	'LogEntry.Severity == "Critical"',
	'LogEntry.Links.Secret := "gone"',
	'Chassis.Certificates := null',
].map((source): PostPolicy => {
	const compiled = compilePostPolicy(source, where);
	if (!compiled.ok) throw new Error(compiled.problem.message);
	return compiled.value;
});
const path = '/redfish/v1/Things';

/** Stands in the places that are hidden; two readings of one shape put different values there. */
type Hide = () => JsonValue;

interface Shape {
	readonly entries: readonly { readonly shown: boolean; readonly name: string }[];
	readonly withChassis: boolean;
	readonly withTag: boolean;
	readonly withMessages: boolean;
	readonly status: number;
}
const shape: fc.Arbitrary<Shape> = fc.record({
	entries: fc.array(fc.record({ shown: fc.boolean(), name: fc.string({ maxLength: 5 }) }), { maxLength: 5 }),
	withChassis: fc.boolean(),
	withTag: fc.boolean(),
	withMessages: fc.boolean(),
	status: fc.constantFrom(200, 200, 200, 200, 400, 404, 500, 503),
});

const messages = (hide: Hide): JsonValue => [
	{
		'@odata.type': '#Message.v1_1_1.Message',
		MessageId: 'Base.1.19.PropertyValueNotInList',
		Message: `about ${JSON.stringify(hide())}`,
		MessageArgs: [JSON.stringify(hide())],
		RelatedProperties: [`#/${JSON.stringify(hide())}`],
		MessageSeverity: 'Warning',
	},
];

function build({ entries, withChassis, withTag, withMessages, status }: Shape, hide: Hide): JsonValue {
	if (status !== 200) {
		return {
			error: {
				code: 'Base.1.19.GeneralError',
				message: String(hide()),
				'@Message.ExtendedInfo': messages(hide),
			},
		};
	}
	const members = entries.map(({ shown, name }, i): JsonValue => {
		const id = { '@odata.id': `${path}/${i}`, '@odata.type': '#LogEntry.v1_9_0.LogEntry' };
		if (!shown) return { ...id, Severity: 'OK', Name: hide(), Oem: { x: hide() }, Links: hide() };
		return {
			...id,
			Severity: 'Critical',
			Name: name,
			Oem: hide(),
			OemRecordFormat: hide(),
			Links: { Secret: hide(), Other: 1 },
			...(withTag && { '@odata.etag': `"${JSON.stringify(hide())}"` }),
		};
	});
	return {
		'@odata.id': path,
		'@odata.type': '#LogEntryCollection.LogEntryCollection',
		Members: members,
		'Members@odata.count': typeof hide() === 'number' ? members.length : members.length + 7,
		...(withTag && { '@odata.etag': `W/"${JSON.stringify(hide())}"` }),
		...(withMessages && { '@Message.ExtendedInfo': messages(hide) }),
		...(withChassis && {
			Chassis: {
				'@odata.type': '#Chassis.v1_22_0.Chassis',
				Name: 'c',
				Certificates: hide(),
				'Certificates@odata.count': 3,
				'Certificates@Message.ExtendedInfo': messages(hide),
				Messages: messages(hide),
			},
		}),
	};
}

/** A BMC that hands out `body` in its own way: indented or not, with headers made from all of it. */
function bmcOf(body: JsonValue, status: number): BmcConnection {
	const text = JSON.stringify(body, null, 2);
	const send = async () => ({
		status,
		headers: {
			'content-type': 'application/json',
			etag: strongETag(text),
			'content-length': String(text.length),
			link: `<${path}/${text.length}>; rel=related`,
			'content-disposition': `attachment; filename="${text.length}"`,
			'x-hash': strongETag(text),
		},
		body: Buffer.from(text),
	});
	return { target: { name: 'node1', rack: 'rack1', url: '' }, send } as unknown as BmcConnection;
}

async function ask(
	body: JsonValue,
	status: number,
	request: Partial<Call['request']>,
	prefix: string,
): Promise<Answer> {
	const bmc = bmcOf(body, status);
	const plain = plainRequest('GET', path);
	const call: Call = {
		request: { ...plain, ...request },
		operator: { name: 'h', party: 'HSO' },
		bmc,
		prefix,
	};
	try {
		const isRead = call.request.method === 'GET' || call.request.method === 'HEAD';
		if (!isRead) {
			const sight = await perform(call, [], undefined);
			return renderSight(call, await showChange(call, sight, async () => [posts]));
		}
		const sight = await perform(call, [posts], undefined);
		return renderSight(call, sight.status === 200 ? await widen(call, sight, async () => undefined) : sight);
	} catch (fault) {
		if (!(fault instanceof BimetalError)) throw fault;
		return renderRedfishError(fault);
	}
}
const asText = ({ status, headers, body }: Answer): string =>
	JSON.stringify([status, headers, Buffer.from(body ?? []).toString('utf8')]);

const value = fc.oneof(
	fc.constant(null),
	fc.integer(),
	fc.string({ maxLength: 8 }),
	fc.constant({ a: [1, { b: 'x' }] }),
	fc.constant([]),
);
const query = fc.constantFrom<[string, string][]>(
	[],
	[],
	[['$top', '2']],
	[['$skip', '1']],
	[['$filter', "Oem eq null and Name ne 'x'"]],
	[['$filter', 'Links/Secret eq 1']],
	[['$select', 'Members/Oem,Members@odata.count,@odata.etag']],
	[['$expand', '*']],
	[['only', '']],
);

test('property: what differs in hidden values alone cannot be told apart by anything in an answer', async t => {
	let compared = 0;
	await fc.assert(
		fc.asyncProperty(
			shape,
			fc.infiniteStream(value),
			fc.infiniteStream(value),
			query,
			fc.constantFrom('GET', 'HEAD', 'PATCH', 'POST'),
			fc.constantFrom('', '/bmc/node1'),
			async (of, one, other, asked, method, prefix) => {
				const bodies = [one, other].map(values => build(of, () => values.next().value as JsonValue));
				const [first, second] = bodies as [JsonValue, JsonValue];
				if (JSON.stringify(first) !== JSON.stringify(second)) compared++;
				const request = { method, query: method === 'PATCH' || method === 'POST' ? [] : asked } as const;
				const answers = [
					await ask(first, of.status, request, prefix),
					await ask(second, of.status, request, prefix),
				];
				t.is(asText(answers[0] as Answer), asText(answers[1] as Answer));
				// The tag of the one is the tag of the other, and no tag of the BMC's is known.
				const tag = answers[0]?.headers.etag;
				for (const ifNoneMatch of [tag, strongETag(JSON.stringify(first, null, 2)), '"x", *', '*']) {
					const asking = { ...request, ifNoneMatch };
					const again = [
						await ask(first, of.status, asking, prefix),
						await ask(second, of.status, asking, prefix),
					];
					t.is(asText(again[0] as Answer), asText(again[1] as Answer));
					if (ifNoneMatch === tag && tag !== undefined) t.is(again[0]?.status, 304);
				}
			},
		),
		{ numRuns: 600 },
	);
	t.true(compared > 200, `only ${compared} pairs differed`);
});

test('a change that is refused says by which message, and nothing of the BMC’s own words, guessed or not', async t => {
	const body = {
		error: {
			code: 'Base.1.19.GeneralError',
			message: 'secret',
			'@Message.ExtendedInfo': [
				{
					MessageId: 'Base.1.19.PropertyValueNotInList',
					Message: 'secret',
					MessageArgs: ['Hdd', 'Target'],
					Severity: 'Warning',
				},
				{ MessageId: 'Base.1.19.PropertyUnknown', Message: 'secret', MessageArgs: ['secret'] },
			],
		},
	};
	const sent = { Boot: { Target: 'Hdd' } };
	const { body: bytes, status } = await ask(body, 400, { method: 'PATCH', body: sent }, '');
	const text = Buffer.from(bytes ?? []).toString();
	t.is(status, 400);
	t.false(text.includes('secret'));
	const [known, unknown] = JSON.parse(text).error['@Message.ExtendedInfo'];
	t.is(known.Message, 'PropertyValueNotInList (the request names Boot)');
	t.is(unknown.Message, 'PropertyUnknown (the request names Boot)');
	t.is(unknown.MessageId, 'Base.1.19.PropertyUnknown');
});
