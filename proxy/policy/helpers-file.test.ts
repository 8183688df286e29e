import test from 'ava';
import fc from 'fast-check';
import { render } from './expression/tree.ts';
import { readHelpersFile } from './helpers-file.ts';
import { compilePrePolicy } from './pre-policy.ts';

const externalSources = ['Servers', 'PDU'];
const read = (text: string) =>
	readHelpersFile({ name: 'cp/helpers.yaml', party: 'CP', text }, { externalSources });
const problemsOf = (text: string) =>
	read(text).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
const where = { file: 'cp/power.yaml', line: 1, column: 1 };
const compile = (source: string, text: string) =>
	compilePrePolicy(source, where, externalSources, { helpers: read(text).helpers });

const helpers = `enough: up >= least
up: COUNT(External.Servers.State=="Up")
least: 6
outlets: External.PDU.Outlets
night: BETWEEN(CLOCK("Europe/Berlin"), "22:00", "06:00")
`;

test('helpers stand for what they say, in any order, and reasons show it', t => {
	t.deepEqual(problemsOf(helpers), []);
	t.is(
		render(read(helpers).helpers.get('enough') ?? { kind: 'literal', value: null }),
		'COUNT(External.Servers.State=="Up")>=6',
	);
	const policy = compile('up >= 6 and SUM(outlets.Power) < 1000', helpers);
	t.true(policy.ok);
	if (!policy.ok) return;
	t.is(policy.value.source, 'up >= 6 and SUM(outlets.Power) < 1000');
	t.deepEqual(policy.value.needs.external, ['PDU', 'Servers']);
	const value = [{ State: 'Up' }, { State: 'Down' }];
	const result = policy.value.evaluate({
		Request: { Method: '', Path: '', Operation: '', Bmc: '', Rack: '', Party: '', Operator: '', Body: null },
		Resource: undefined,
		External: { Servers: { status: 'fresh', value, asOf: 0 } },
	});
	t.is(
		result.reason,
		'up >= 6 and SUM(outlets.Power) < 1000 is false: COUNT(External.Servers.State=="Up") is 1',
	);
	t.true(compile('night and enough', helpers).ok);
	const asked = compile('night', helpers);
	t.true(asked.ok && asked.value.needs.time);
});

test('a circle is an error at its place, whoever begins it', t => {
	const found = problemsOf('a: b + 1\nb: c\nc: a\nd: 1\ne: e\n');
	t.deepEqual(found, [
		'1:1 the helpers a → b → c → a refer to each other in a circle',
		'5:1 the helpers e → e refer to each other in a circle',
	]);
	t.is(read('a: a\nd: 1\n').helpers.size, 1);
});

test('mistakes are told where the helper is written', t => {
	t.regex(problemsOf('up: COUNT(External.Sevrers)\n').join(), /^1:20 unknown External source "Sevrers"/);
	t.regex(problemsOf('up: down\nx: 1\n').join(), /^1:5 unknown name "down"/);
	t.regex(problemsOf('Up: 1\n').join(), /small letter/);
	t.regex(problemsOf('not: 1\n').join(), /small letter/);
	t.regex(problemsOf('constructor: 1\n').join(), /small letter/);
	t.regex(problemsOf('up: [1]\n').join(), /1:5/);
	t.regex(problemsOf('up: 1 +\n').join(), /ends too early/);
	t.regex(problemsOf('zone: HOUR("Nowhere/Never")\n').join(), /there is no time zone/);
	t.regex(problemsOf('n: 5\nx: n.y\n').join(), /a helper that is 5 has no properties/);
});

test('where helpers are used, a wrong name is told there', t => {
	for (const [source, message] of [
		['upp > 1', /unknown name "upp"; did you mean up\?/],
		['up', /must be true or false/],
		['up.x > 1', undefined],
		['least.x > 1', /has no properties/],
		['toString > 1', /unknown name/],
		['up()', /unknown function/],
	] as const) {
		const result = compile(source, helpers);
		if (message) t.regex(result.ok ? '' : result.problem.message, message);
		else t.true(result.ok);
	}
});

test('helpers that double each other, or stand in each other without end, are refused, and at once', t => {
	const lines = Array.from({ length: 40 }, (_, i) => `h${i}: h${i + 1} + h${i + 1}`);
	const began = process.cpuUsage();
	const { problems, helpers: right } = read(`${lines.join('\n')}\nh40: 1\n`);
	t.true(problems.length > 0 && problems.some(({ message }) => /more than 2000 parts/.test(message)));
	t.true(right.has('h40') && !right.has('h0'));
	// Texts of all parts of as many helpers are long: 100 of them, each of 19 parts more than the one that it uses.
	const wide = Array.from({ length: 100 }, (_, i) => `h${i}: ${'not '.repeat(18)}(h${i + 1})`);
	const deepest = read([...wide.slice(1), 'h100: 1==1', ''].join('\n'));
	t.deepEqual([deepest.problems.length, deepest.helpers.size], [0, 100]);
	for (const length of [101, 1500, 15_000]) {
		const chain = Array.from({ length }, (_, i) => `h${i}: h${i + 1} + 1`);
		for (const order of [chain, chain.toReversed()]) {
			const messages = problemsOf(`${order.join('\n')}\nh${length}: 1\n`);
			t.true(
				messages.length > 0 && messages.every(each => each.endsWith('in each other more than 100 deep')),
			);
		}
	}
	// Of the processor, since others may be at work on it: a text made of each part took a quarter of a minute.
	t.true(process.cpuUsage(began).user < 5_000_000);
});

test('property: any helpers give trees without helpers, or problems', t => {
	const name = fc.constantFrom('a', 'b', 'c');
	const part = fc.oneof(name, fc.constantFrom('1', 'Request.Body.X', '"t"', 'LEN(a)', 'b.c', 'c[0]'));
	const texts = fc.dictionary(
		name,
		fc.array(part, { minLength: 1, maxLength: 3 }).map(parts => parts.join(' + ')),
		{ minKeys: 1 },
	);
	fc.assert(
		fc.property(texts, given => {
			const text = Object.entries(given)
				.map(([key, value]) => `${key}: '${value}'`)
				.join('\n');
			const { helpers: trees, problems } = read(text);
			const isFree = [...trees.values()].every(
				tree => !/\b[abc]\b(?!\()/.test(render(tree).replaceAll(/\.[abc]/g, '')),
			);
			return isFree && (problems.length > 0 || trees.size === Object.keys(given).length);
		}),
	);
	t.pass();
});
