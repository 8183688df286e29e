import test from 'ava';
import { createTapReader } from './tap.ts';

function judge(tap: string, exit: { code: number | null; signal: string | null }) {
	const failures: string[] = [];
	const reader = createTapReader(lines => failures.push(lines.join('\n')));
	for (const line of tap.split('\n')) reader.line(line);
	const verdict = reader.end(exit);
	return { ...verdict, failures, ok: verdict.counts.failed === 0 && verdict.doubts.length === 0 };
}
const clean = { code: 0, signal: null };

test('counts what passed and what was skipped', t => {
	const { counts, skipped, ok } = judge(
		'TAP version 13\nok 1 - a › one\nok 2 - b › two [needs redfishtool] # SKIP\n\n1..2\n# tests 2\n# pass 1\n# skip 1\n# fail 0',
		clean,
	);
	t.true(ok);
	t.deepEqual(counts, { passed: 1, failed: 0, skipped: 1 });
	t.deepEqual(skipped, ['b › two [needs redfishtool]']);
});

test('shows a failure with its diagnostics, and takes nothing in them for a result', t => {
	const { counts, failures, ok } = judge(
		'not ok 1 - a\n  ---\n    message: |\nok 2 - not a result\n1..9\n  ...\n\n1..1\n# tests 1\n# pass 0\n# fail 1',
		{ code: 1, signal: null },
	);
	t.false(ok);
	t.deepEqual(counts, { passed: 0, failed: 1, skipped: 0 });
	t.is(failures.length, 1);
	t.true(failures[0]?.includes('not a result'));
});

const finished = '\n1..1\n# tests 1\n# pass 1\n# fail 0';
for (const [what, tap, exit] of [
	['nothing at all', '', clean],
	['no tests', '1..0\n# tests 0\n# pass 0\n# fail 0', clean],
	['a report cut short', 'ok 1 - a', clean],
	['fewer results than announced', 'ok 1 - a\n1..2\n# tests 2\n# pass 2\n# fail 0', clean],
	['a summary that knows of a failure', 'ok 1 - a\n1..1\n# tests 1\n# pass 1\n# fail 1', clean],
	['a to-do', 'not ok 1 - a # TODO\n1..1\n# tests 0\n# pass 0\n# fail 1', clean],
	['a failing exit code', `ok 1 - a${finished}`, { code: 1, signal: null }],
	['a signal', `ok 1 - a${finished}`, { code: null, signal: 'SIGKILL' }],
] as const) {
	test(`is not fooled by ${what}`, t => {
		t.false(judge(tap, exit).ok);
	});
}
