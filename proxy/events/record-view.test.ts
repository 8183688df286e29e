import test from 'ava';
import fc from 'fast-check';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { filterAnswer } from '../filter/filter-answer.ts';
import type { JsonObject } from '../filter/resource-type.ts';
import type { PostPolicy } from '../policy/policy-set.ts';
import { compilePostPolicy } from '../policy/post-policy.ts';
import { viewRecord } from './record-view.ts';

const where = { file: 'test.yaml', line: 1, column: 1 };
function posts(...sources: readonly string[]): PostPolicy[] {
	return sources.map(source => {
		const compiled = compilePostPolicy(source, where);
		if (!compiled.ok) throw new Error(compiled.problem.message);
		return compiled.value;
	});
}

const path = '/redfish/v1/Systems/system/LogServices/EventLog/Entries/7';
const envelope = {
	'@odata.type': '#Event.v1_4_0.Event',
	Id: '3',
	Name: 'Event Log',
	Oem: { about: 'others' },
};
const entry = {
	'@odata.id': path,
	'@odata.type': '#LogEntry.v1_15_0.LogEntry',
	Id: '7',
	Severity: 'Warning',
	Message: 'Fan fan1 is slow',
	MessageArgs: ['fan1'],
	MessageId: 'OpenBMC.0.5.FanSpeedLow',
	Created: '2026-01-01T00:00:00+00:00',
	Oem: { Bay: 'cabinet 12, unit 4', Rpm: 2917 },
};
const record = {
	EventId: '7',
	EventTimestamp: '2026-01-01T00:00:00+00:00',
	Message: 'Fan fan1 is slow',
	MessageArgs: ['fan1'],
	MessageId: 'OpenBMC.0.5.FanSpeedLow',
	MessageSeverity: 'Warning',
	OriginOfCondition: { '@odata.id': path },
	Oem: { Bay: 'cabinet 12, unit 4', Rpm: 2917 },
};
const none = { posts: [], entry: undefined };

test('without policies the record is the BMC’s; of the envelope stays what is about no record', t => {
	t.deepEqual(viewRecord({ envelope, record, posts: [], log: none, named: [] }), {
		envelope: { '@odata.type': '#Event.v1_4_0.Event', Name: 'Event Log' },
		record,
	});
});

test('what is written for events is asked of the record', t => {
	const view = (...sources: string[]) =>
		viewRecord({ envelope, record, posts: [posts(...sources)], log: none, named: [] });
	t.is(view('EventRecord.MessageSeverity == "Critical"'), undefined);
	t.is(view('Event.Name == "x"'), undefined);
	t.is(view('Event.Events := null'), undefined);
	t.deepEqual(view('EventRecord.Oem* := null')?.record, { ...record, Oem: null });
});

test('what is written for the log holds of the event, under the names that events have', t => {
	const view = (source: string, from: JsonObject = record) =>
		viewRecord({
			envelope,
			record: from,
			posts: [],
			log: { posts: [posts(source)], entry: undefined },
			named: [],
		})?.record;
	t.is(view('LogEntry.Severity == "Critical"'), undefined);
	t.deepEqual(view('LogEntry.Severity == "Warning"'), record);
	t.is(view('LogEntry.Resolved == false'), undefined, 'what the record does not say cannot be judged');
	t.deepEqual(view('LogEntry.Severity := null'), { ...record, MessageSeverity: null });
	t.deepEqual(view('LogEntry.Created := "then"'), { ...record, EventTimestamp: 'then' });
	t.deepEqual(view('LogEntry.Links.OriginOfCondition := null'), { ...record, OriginOfCondition: null });
	t.deepEqual(view('LogEntry.Oem.Bay := null'), { ...record, Oem: { Bay: null, Rpm: 2917 } });
	t.deepEqual(view('LogEntry.M* := null'), {
		...record,
		Message: null,
		MessageArgs: null,
		MessageId: null,
		MessageSeverity: null,
	});
	t.is(view('LogEntry.Severity == "Warning"', { ...record, Severity: 'OK' }), undefined, 'two tongues');
});

test('a named entry is judged as it is in the log, and lends the record nothing', t => {
	const view = (source: string, from: JsonObject = record) =>
		viewRecord({
			envelope,
			record: from,
			posts: [],
			log: { posts: [posts(source)], entry: { ...entry, Resolved: false } },
			named: [],
		})?.record;
	t.deepEqual(view('LogEntry.Resolved == false'), record);
	t.is(view('LogEntry.Severity == "Warning"', { ...record, MessageSeverity: 'OK' }), undefined);
	t.is(view('LogEntry.Severity == "OK"', { ...record, MessageSeverity: 'Warning' }), undefined);
});

test('a value that is hidden in what the record names is nowhere in it', t => {
	const seen = { ...entry, Oem: null };
	const talking = {
		...record,
		Message: 'In cabinet 12, unit 4 a fan turns 2917 times',
		Oem: { Speed: 2917, Ok: 'fan1' },
	};
	const view = viewRecord({
		envelope,
		record: talking,
		posts: [],
		log: none,
		named: [{ whole: entry, seen }],
	});
	t.deepEqual(view?.record, { ...talking, Message: null, Oem: { Speed: null, Ok: 'fan1' } });
});

test('masks for events and for the log do not undo each other', t => {
	const view = viewRecord({
		envelope,
		record,
		posts: [posts('EventRecord.Oem := null')],
		log: { posts: [posts('LogEntry.Oem.Bay := null', 'LogEntry.Oem.Rpm := 1')], entry },
		named: [],
	});
	t.deepEqual(view?.record, { ...record, Oem: null });
});

// --- Properties: an entry of the log, the event that says the same, random policies of two parties -------------

const names = ['Message', 'MessageId', 'MessageArgs', 'Oem', 'Resolution', 'AdditionalDataURI'];
const severities = ['OK', 'Warning', 'Critical'];
const logged = fc.record({
	have: fc.subarray(names),
	severity: fc.constantFrom(...severities),
	isNamed: fc.boolean(),
});
const logPolicy = fc.oneof(
	fc
		.constantFrom(...names, 'Mess*', 'Created', 'Id', '*', 'Oem.Deep')
		.map(name => `LogEntry.${name} := null`),
	fc.constantFrom(...severities).map(value => `LogEntry.Severity == "${value}"`),
	fc.constantFrom(...names).map(name => `LogEntry.${name} != "x"`),
);
const eventPolicy = fc.oneof(
	fc.constantFrom(...names, 'Event*', '*').map(name => `EventRecord.${name} := null`),
	fc.constantFrom(...severities).map(value => `EventRecord.MessageSeverity == "${value}"`),
);

const secretsIn = (value: JsonValue): Set<string> =>
	new Set(JSON.stringify(value).match(/secret-\d+!/g) ?? []);

test('property: nothing that the log would not show is in any byte of the event', t => {
	let hiddenInAll = 0;
	let shownInAll = 0;
	const run = fc.property(
		logged,
		fc.array(logPolicy, { maxLength: 3 }),
		fc.array(eventPolicy, { maxLength: 2 }),
		({ have, severity, isNamed }, logSources, eventSources) => {
			let count = 0;
			const next = () => `secret-${++count}!`;
			const secretFor = (name: string): JsonValue =>
				name === 'MessageArgs'
					? [next(), next()]
					: name === 'Oem'
						? { Deep: next(), Other: { Deeper: next() } }
						: next();
			const same: JsonObject = Object.fromEntries(have.map(name => [name, secretFor(name)]));
			const whole: JsonObject = { ...entry, ...same, Severity: severity, Created: next() };
			const fromBmc: JsonObject = {
				...same,
				MessageSeverity: severity,
				EventTimestamp: whole.Created as string,
				OriginOfCondition: { '@odata.id': path },
			};
			const log = [posts(...logSources)];
			const seen = filterAnswer({ answer: whole, posts: log });
			const view = viewRecord({
				envelope: { ...envelope, Oem: { Again: whole } },
				record: fromBmc,
				posts: [posts(...eventSources)],
				log: { posts: log, entry: isNamed ? whole : undefined },
				named: isNamed && !seen.hidden ? [{ whole, seen: seen.answer }] : [],
			});
			const told = secretsIn((view as unknown as JsonValue) ?? null);
			const allowed = secretsIn(seen.answer);
			const events = filterAnswer({
				answer: { ...envelope, Events: [fromBmc] },
				posts: [posts(...eventSources)],
			});
			const allowedByEvents = secretsIn(events.answer);
			hiddenInAll += secretsIn(whole).size - told.size;
			shownInAll += told.size;
			return [...told].every(secret => allowed.has(secret) && allowedByEvents.has(secret));
		},
	);
	fc.assert(run, { numRuns: 2000 });
	t.true(hiddenInAll > 1000 && shownInAll > 1000, `${hiddenInAll} hidden, ${shownInAll} shown`);
});
