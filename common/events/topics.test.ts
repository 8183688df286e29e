import test from 'ava';
import fc from 'fast-check';
import { createFrameGuard } from './frame-guard.ts';
import { coversPattern, isTopicPattern, matchesTopic, topicOf } from './topics.ts';

const name = fc.constantFrom('a', 'b', '$SYS', 'bimetal');
const topic = fc.array(name, { minLength: 1, maxLength: 4 }).map(levels => levels.join('/'));
const pattern = fc
	.tuple(fc.array(fc.oneof(name, fc.constant('+')), { maxLength: 4 }), fc.boolean())
	.map(([levels, rest]) => [...levels, ...(rest || levels.length === 0 ? ['#'] : [])].join('/'));

test('topics have four parts without wildcards', t => {
	t.is(topicOf('pdu', 'outlets', '7'), 'bimetal/pdu/outlets/7');
	for (const wrong of ['', '+', '#', 'a/b', 'a\u0000']) {
		t.throws(() => topicOf('pdu', 'outlets', wrong), { code: 'TopicInvalid' });
	}
});

test('matching as MQTT 3.1.1 section 4.7 has it', t => {
	const yes = ['a/b a/b', 'a/+ a/b', 'a/# a/b/c', 'a/# a', '# a/b', '+/b a/b', '$SYS/# $SYS/x', '+/+ a/b'];
	const no = [
		'a/b a/c',
		'a/+ a',
		'a/+ a/b/c',
		'# $SYS/x',
		'+/x $SYS/x',
		'a a/b',
		'a/b a',
		'a/+ a/+',
		'+ a/b',
	];
	const check = (line: string) => matchesTopic(...(line.split(' ') as [string, string]));
	for (const line of yes) t.true(check(line), line);
	for (const line of no) t.false(check(line), line);
	for (const wrong of ['', 'a/#/b', 'a#', 'a/b+', 'a//b']) t.false(isTopicPattern(wrong), wrong);
});

test('property: a covered pattern never reaches a topic that its cover does not', t => {
	let covered = 0;
	fc.assert(
		fc.property(pattern, pattern, topic, (allowed, requested, where) => {
			if (!coversPattern(allowed, requested)) return;
			covered += 1;
			t.true(!matchesTopic(requested, where) || matchesTopic(allowed, where));
		}),
		{ numRuns: 3000 },
	);
	t.true(covered > 100, 'the property was not vacuous');
	t.true(coversPattern('bimetal/pdu/#', 'bimetal/pdu/+/7'));
	t.false(coversPattern('bimetal/pdu/#', 'bimetal/#'));
	t.false(coversPattern('bimetal/pdu/+', 'bimetal/pdu/#'));
	t.false(coversPattern('#', '$SYS/#'));
});

test('property: however packets are cut into chunks, exactly those within the limit pass', t => {
	const lengths = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 5 });
	fc.assert(
		fc.property(lengths, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (packets, cuts) => {
			const stream = Buffer.concat(packets.map(frame));
			const guard = createFrameGuard(300);
			let passed = true;
			for (let at = 0, turn = 0; at < stream.length; turn++) {
				const size = cuts[turn % cuts.length] ?? 1;
				passed = guard(stream.subarray(at, at + size));
				at += size;
			}
			t.is(
				passed,
				packets.every(length => length <= 300),
			);
		}),
	);
	t.false(createFrameGuard(300)(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f])), 'announced is enough');
	t.false(createFrameGuard(300)(Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80])), 'five bytes of length');
});

function frame(length: number): Buffer {
	const header = length < 128 ? [0x30, length] : [0x30, (length % 128) | 0x80, Math.floor(length / 128)];
	return Buffer.concat([Buffer.from(header), Buffer.alloc(length, 0xff)]);
}
