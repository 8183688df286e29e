import test from 'ava';
import fc from 'fast-check';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { PostPolicy } from '../policy/policy-set.ts';
import { compilePostPolicy } from '../policy/post-policy.ts';
import { filterAnswer } from './filter-answer.ts';

const where = { file: 'test.yaml', line: 1, column: 1 };

function posts(...sources: readonly string[]): PostPolicy[] {
	return sources.map(source => {
		const compiled = compilePostPolicy(source, where);
		if (!compiled.ok) throw new Error(compiled.problem.message);
		return compiled.value;
	});
}

const entry = (id: string, severity: string) => ({
	'@odata.id': `/redfish/v1/Systems/system/LogServices/EventLog/Entries/${id}`,
	'@odata.type': '#LogEntry.v1_9_0.LogEntry',
	Id: id,
	Severity: severity,
	Oem: { secret: `oem of ${id}` },
	OemRecordFormat: 'x',
});
const log = (...Members: JsonValue[]) => ({
	'@odata.type': '#LogEntryCollection.LogEntryCollection',
	Members,
	'Members@odata.count': Members.length,
});

test("the slides' log: HSO sees the Critical entries, CP sees all of them without their Oem fields", t => {
	const answer = log(entry('1', 'OK'), entry('2', 'Critical'), entry('3', 'Warning'));
	const forHso = filterAnswer({ answer, posts: [posts('LogEntry.Severity == "Critical"')] });
	t.deepEqual(forHso.answer, { ...log(entry('2', 'Critical')) });
	const forCp = filterAnswer({ answer, posts: [posts('LogEntry.Oem* := null')] });
	const masked = (id: string, severity: string) => ({
		...entry(id, severity),
		Oem: null,
		OemRecordFormat: null,
	});
	t.deepEqual(forCp.answer, log(masked('1', 'OK'), masked('2', 'Critical'), masked('3', 'Warning')));
	t.true(forCp.changed);
});

test("a mask takes the property's annotations along, and leaves what identifies the resource", t => {
	const chassis = {
		'@odata.id': '/redfish/v1/Chassis/chassis',
		'@odata.type': '#Chassis.v1_22_0.Chassis',
		Name: 'x',
		Certificates: { '@odata.id': '/redfish/v1/Chassis/chassis/Certificates' },
		'Certificates@odata.count': 3,
	};
	const { answer } = filterAnswer({ answer: chassis, posts: [posts('Chassis.Certificates := null')] });
	const { 'Certificates@odata.count': _, ...rest } = chassis;
	t.deepEqual(answer, { ...rest, Certificates: null });
	const all = filterAnswer({ answer: chassis, posts: [posts('Chassis.* := null')] });
	t.deepEqual(all.answer, {
		'@odata.id': chassis['@odata.id'],
		'@odata.type': chassis['@odata.type'],
		Name: null,
		Certificates: null,
	});
});

test('a single hidden resource is hidden as a whole', t => {
	const { answer, hidden } = filterAnswer({
		answer: entry('1', 'OK'),
		posts: [posts('LogEntry.Severity == "Critical"')],
	});
	t.true(hidden);
	t.is(answer, null);
});

test('an absent property keeps a predicate from holding, however it is asked for', t => {
	const answer = log({ '@odata.type': '#LogEntry.v1_9_0.LogEntry', Id: '1' });
	for (const source of [
		'LogEntry.Severity == "Critical"',
		'LogEntry.Severity != "OK"',
		'not (LogEntry.Severity == "OK")',
	]) {
		t.deepEqual(filterAnswer({ answer, posts: [posts(source)] }).answer, log(), source);
	}
});

test('resources are found nested, expanded, in events, and without a type in their own collection', t => {
	const { '@odata.type': _, ...untyped } = entry('9', 'OK');
	const predicate = [posts('LogEntry.Severity == "Critical"')];
	t.deepEqual(
		filterAnswer({ answer: log(untyped, entry('2', 'Critical')), posts: predicate }).answer,
		log(entry('2', 'Critical')),
	);
	const service = {
		'@odata.type': '#LogService.v1_2_0.LogService',
		Entries: log(entry('1', 'OK')),
		Last: entry('1', 'OK'),
	};
	t.deepEqual(filterAnswer({ answer: service, posts: predicate }).answer, {
		'@odata.type': service['@odata.type'],
		Entries: log(),
	});
	const event = {
		'@odata.type': '#Event.v1_4_0.Event',
		Events: [{ EventId: '1', MessageSeverity: 'OK' }],
		'Events@odata.count': 1,
	};
	t.deepEqual(
		filterAnswer({ answer: event, posts: [posts('EventRecord.MessageSeverity == "Critical"')] }).answer,
		{
			...event,
			Events: [],
			'Events@odata.count': 0,
		},
	);
});

test('a member that says another type than its collection cannot slip through', t => {
	const liar = { ...entry('1', 'OK'), '@odata.type': '#Harmless.v1_0_0.Harmless' };
	t.deepEqual(
		filterAnswer({ answer: log(liar), posts: [posts('LogEntry.Severity == "Critical"')] }).answer,
		log(),
	);
});

test('members that are only links are left out until the caller says what they lead to', t => {
	const link = (id: string) => ({ '@odata.id': `/e/${id}` });
	const answer = log(link('1'), link('2'));
	const predicate = [posts('LogEntry.Severity == "Critical"')];
	const first = filterAnswer({ answer, posts: predicate });
	t.deepEqual(first.answer, log());
	t.deepEqual(first.unresolved, ['/e/1', '/e/2']);
	const resolved = new Map([
		['/e/1', entry('1', 'OK')],
		['/e/2', entry('2', 'Critical')],
	]);
	const second = filterAnswer({ answer, posts: predicate, resolved });
	t.deepEqual(second.answer, log(link('2')));
	t.deepEqual(second.unresolved, []);
	t.deepEqual(filterAnswer({ answer, posts: [posts('LogEntry.Oem* := null')] }).answer, answer);
});

test("the BMC's own count does not tell how many there are on other pages", t => {
	const answer = { ...log(entry('2', 'Critical')), 'Members@odata.count': 500 };
	const { answer: filtered } = filterAnswer({ answer, posts: [posts('LogEntry.Severity == "Critical"')] });
	t.is((filtered as { 'Members@odata.count': number })['Members@odata.count'], 1);
});

test('without a policy that is about it, the answer is the very same object', t => {
	const answer = log(entry('1', 'OK'));
	t.is(filterAnswer({ answer, posts: [] }).answer, answer);
	const other = filterAnswer({ answer, posts: [posts('Chassis.Certificates := null', 'Drive.Id == "1"')] });
	t.is(other.answer, answer);
	t.false(other.changed);
});

test('an answer that is nested without end is a fault, not a pass', t => {
	let answer: JsonValue = 1;
	for (let i = 0; i < 10_000; i++) answer = { a: answer };
	t.throws(() => filterAnswer({ answer, posts: [posts('X.A := null')] }), { code: 'AnswerTooComplex' });
});

// --- Properties: random answers in which every string is unique, and random policies of two parties ---------

const schemas = ['LogEntry', 'Chassis', 'Drive'];
const names = ['Severity', 'Oem', 'OemKey', 'Status', 'Id', 'Links'];
const severities = ['Critical', 'OK', 'Warning'];

type Shape = {
	schema: string | undefined;
	leaves: string[];
	severity: number | undefined;
	nested: [string, Shape][];
	members: Shape[];
};
const shape = fc.letrec<{ resource: Shape }>(tie => ({
	resource: fc.record({
		schema: fc.option(fc.constantFrom(...schemas), { nil: undefined }),
		leaves: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 4 }),
		severity: fc.option(fc.nat(2), { nil: undefined }),
		nested: fc
			.array(
				fc.tuple(fc.constantFrom(...names), fc.oneof({ maxDepth: 3 }, fc.constant(null), tie('resource'))),
				{ maxLength: 2 },
			)
			.map(pairs => pairs.filter((pair): pair is [string, Shape] => pair[1] !== null)),
		members: fc
			.array(fc.oneof({ maxDepth: 3 }, fc.constant(null), tie('resource')), { maxLength: 3 })
			.map(all => all.filter(each => each !== null)),
	}),
})).resource;

/** Renders a shape; every leaf but the severity is a secret that occurs nowhere else. */
function render(of: Shape, next: () => string): JsonValue {
	const resource: Record<string, JsonValue> = {};
	if (of.schema) resource['@odata.type'] = `#${of.schema}.v1_0_0.${of.schema}`;
	for (const name of of.leaves) resource[name] = next();
	for (const [name, inner] of of.nested) resource[name] = render(inner, next);
	if (of.severity !== undefined) resource.Severity = severities[of.severity] ?? '';
	if (of.members.length > 0) {
		resource.Members = of.members.map(member => render(member, next));
		resource['Members@odata.count'] = of.members.length;
	}
	return resource;
}

const policy = fc.oneof(
	fc
		.tuple(fc.constantFrom(...schemas), fc.constantFrom('Oem', 'Oem*', 'Status', 'Links.Id', '*'))
		.map(([s, p]) => `${s}.${p} := null`),
	fc
		.tuple(fc.constantFrom(...schemas), fc.constantFrom(...severities))
		.map(([s, v]) => `${s}.Severity == "${v}"`),
	fc.tuple(fc.constantFrom(...schemas), fc.constantFrom('"x"', '1')).map(([s, v]) => `${s}.Oem := ${v}`),
);
const policies = fc.array(policy, { maxLength: 4 });

/** An independent, naive statement of what must not be seen: the texts below dropped and masked things. */
function secretsOf(value: JsonValue, all: readonly PostPolicy[], found: Set<string>): void {
	if (typeof value !== 'object' || value === null) return;
	if (Array.isArray(value)) {
		for (const element of value) secretsOf(element, all, found);
		return;
	}
	const resource = value as Record<string, JsonValue>;
	const type = String(resource['@odata.type'] ?? '')
		.split('.')
		.at(-1);
	for (const post of all) {
		if (post.schema !== type) continue;
		if (post.kind === 'predicate') {
			if (!post.holds(resource)) textsOf(resource, found);
			continue;
		}
		const [first = '', second] = post.path;
		for (const [name, below] of Object.entries(resource)) {
			const isNamed =
				first === '*'
					? !name.startsWith('@')
					: first.endsWith('*')
						? name.startsWith(first.slice(0, -1))
						: name === first;
			if (!isNamed) continue;
			if (second === undefined) textsOf(below, found);
			else if (typeof below === 'object' && below !== null && !Array.isArray(below))
				textsOf((below as Record<string, JsonValue>)[second] ?? null, found);
		}
	}
	for (const below of Object.values(resource)) secretsOf(below, all, found);
}

function textsOf(value: JsonValue, found: Set<string>): void {
	for (const match of JSON.stringify(value).matchAll(/secret-\d+!/g)) found.add(match[0]);
}

function secretive(of: Shape): JsonValue {
	let count = 0;
	return render(of, () => `secret-${++count}!`);
}

test('property: no masked value, and no value of a dropped member, is anywhere in what comes out', t => {
	let checked = 0;
	fc.assert(
		fc.property(shape, policies, policies, (of, hso, cp) => {
			const answer = secretive(of);
			const before = JSON.stringify(answer);
			const all = [posts(...hso), posts(...cp)];
			const out = JSON.stringify(filterAnswer({ answer, posts: all }));
			const secrets = new Set<string>();
			secretsOf(answer, all.flat(), secrets);
			checked += secrets.size;
			return JSON.stringify(answer) === before && [...secrets].every(secret => !out.includes(secret));
		}),
		{ numRuns: 1500 },
	);
	t.true(checked > 300, `only ${checked} secrets were there to be found`);
});

test('property: the order of parties and of their rules never matters, and filtering again changes nothing more', t => {
	fc.assert(
		fc.property(shape, policies, policies, (of, hso, cp) => {
			const answer = secretive(of);
			const one = filterAnswer({ answer, posts: [posts(...hso), posts(...cp)] });
			const other = filterAnswer({
				answer,
				posts: [posts(...[...cp].reverse()), posts(...[...hso].reverse())],
			});
			return JSON.stringify(one) === JSON.stringify(other);
		}),
		{ numRuns: 1000 },
	);
	t.pass();
});

test('property: what no policy is about comes out untouched', t => {
	fc.assert(
		fc.property(shape, of => {
			const answer = secretive(of);
			return filterAnswer({ answer, posts: [posts('Fan.Oem := null', 'Fan.Id == "x"')] }).answer === answer;
		}),
	);
	t.pass();
});
