import test from 'ava';
import { readMembersFile } from './members-file.ts';

const read = (text: string) => readMembersFile({ name: 'cp/members.yaml', party: 'CP', text });
const problemsOf = (text: string) =>
	read(text).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);

test('groups, who speaks, and who reads', t => {
	const { members, problems } = read(
		'groups:\n  ops: [a, b]\n  security: [c]\nspeaks: 2 of (ops, security)\nreads: anyone\n',
	);
	t.deepEqual(problems, []);
	t.is(members?.speaks.source, '2 of (ops, security)');
	t.true(members?.reads.anyone);
	t.is(read('groups: {ops: [a]}\nspeaks: ops\n').members?.reads.source, 'ops');
});

test('what is wrong is named at its place', t => {
	t.deepEqual(problemsOf('groups: {ops: [a, b]}\nspeaks: 3 of ops\n'), [
		'2:9 a quorum of 3 out of 2 makes no sense; write 1 to 2',
	]);
	t.regex(problemsOf('groups: {ops: [a, a]}\nspeaks: ops\n').join(), /a stands in ops twice/);
	t.regex(
		problemsOf('groups: {ops: [a], security: [a]}\nspeaks: ops and security\n').join(),
		/too few operators/,
	);
	t.regex(problemsOf('groups: {Ops: [a]}\nspeaks: ops\n').join(), /lower case/);
	t.regex(problemsOf('groups: {}\nspeaks: ops\n').join(), /one group or more/);
	t.regex(problemsOf('speaks: ops\n').join(), /groups/);
	t.regex(problemsOf('groups: {ops: [a]}\nspeaks: ops\nquorum: 2\n').join(), /quorum/);
	t.regex(problemsOf('groups: {anyone: [a]}\nspeaks: anyone\n').join(), /lower case/);
});
