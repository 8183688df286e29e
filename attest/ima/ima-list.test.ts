import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { accepted, isRefused } from '../outcome.fixture.ts';
import { type FilePolicy, judgeFiles } from './file-policy.ts';
import { type ImaEntry, parseAsciiImaList, parseBinaryImaList } from './ima-list.ts';
import { bootAggregateOf, replayImaList } from './replay.ts';

/** What Linux measured into swtpm: not made by our own code. */
const RECORDED = JSON.parse(
	readFileSync(new URL('../recorded-boot.fixture.json', import.meta.url), 'utf8'),
) as {
	pcrs: Record<string, string>;
	imaAscii: string;
	imaBinary: string;
	imaLater: string;
};
const PCRS = new Map(
	Object.entries(RECORDED.pcrs).map(([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')]),
);
const PCR10 = PCRS.get(10) ?? Buffer.alloc(0);
const AGGREGATE = accepted(bootAggregateOf('sha256', PCRS));
const BINARY = Buffer.from(RECORDED.imaBinary, 'base64');
const later = accepted(parseAsciiImaList(RECORDED.imaLater));
const { proven, unproven } = accepted(replayImaList(later, 'sha256', PCR10));

const digestOf = (entry: ImaEntry) => `${entry.hash}:${entry.digest.toString('hex')}`;
const policy = (changes: Partial<FilePolicy> = {}): FilePolicy => ({
	files: new Map(proven.map(entry => [entry.name, new Set([digestOf(entry)])])),
	exclude: ['/opt/tools/open', '/sys/**'],
	toleratesViolations: true,
	isStartedByKexec: false,
	signers: [],
	buffers: new Map(),
	...changes,
});

test('both forms of a list are the same, with a violation and a path with a space', t => {
	const ascii = accepted(parseAsciiImaList(RECORDED.imaAscii));
	// Reading the one was measured, and so stands in the other.
	const binary = accepted(parseBinaryImaList(BINARY));
	t.is(binary.length, ascii.length + 1);
	t.deepEqual(binary.slice(0, ascii.length), ascii);
	t.deepEqual(
		ascii.filter(entry => entry.isViolation).map(entry => entry.name),
		['/opt/tools/open'],
	);
	t.true(ascii.some(entry => entry.name === '/var/log/a_b.log'));
});

test('the quoted PCR proves a part of a list that was read later, and the next quote must account for the rest', t => {
	t.true(proven.length > 10 && unproven > 0 && proven.length + unproven === later.length);
	t.deepEqual(
		proven.map(entry => entry.name),
		later.slice(0, proven.length).map(entry => entry.name),
	);
	let value = PCR10;
	for (const entry of later.slice(proven.length)) {
		const digest = createHash('sha256').update(entry.data).digest();
		value = createHash('sha256').update(value).update(digest).digest();
	}
	const rest = later.slice(proven.length);
	t.deepEqual(accepted(replayImaList(rest, 'sha256', value, { pcr: PCR10 })), { proven: rest, unproven: 0 });
	t.deepEqual(accepted(replayImaList(rest, 'sha256', PCR10, { pcr: PCR10 })), { proven: [], unproven });
});

test('a list that goes on where an earlier one ended has no aggregate, and one from the start must have it', t => {
	const rest = `${RECORDED.imaLater.split('\n').slice(1, 3).join('\n')}\n`;
	const judged = (first: number) => judgeFiles(accepted(parseAsciiImaList(rest, first)), policy(), AGGREGATE);
	accepted(judged(1));
	isRefused(t, judged(0), 'LogMismatch', /aggregate/);
	t.is(accepted(parseBinaryImaList(BINARY, 5))[0]?.index, 5);
});

test('a list that was cut or changed does not lead to the PCR', t => {
	isRefused(t, replayImaList([], 'sha256', PCR10), 'LogMismatch');
	isRefused(t, replayImaList([], 'sha256', Buffer.alloc(32)), 'LogMismatch');
	isRefused(t, replayImaList(proven.slice(0, -1), 'sha256', PCR10), 'LogMismatch');
	isRefused(t, replayImaList(proven.slice(1), 'sha256', PCR10), 'LogMismatch');
	const renamed = RECORDED.imaLater.replace('/opt/tools/hello.sh', '/opt/tools/hullo.sh');
	isRefused(t, replayImaList(accepted(parseAsciiImaList(renamed)), 'sha256', PCR10), 'LogMismatch');
	const other = proven.map(entry => ({ ...entry, pcr: 11 }));
	isRefused(t, replayImaList(other, 'sha256', PCR10), 'Unsupported', /PCR 11/);
});

test('every proven entry must be allowed by its digest, or excluded by a whole path', t => {
	accepted(judgeFiles(proven, policy(), AGGREGATE));
	const without = new Map(policy().files);
	without.delete('/opt/tools/hello.sh');
	isRefused(
		t,
		judgeFiles(proven, policy({ files: without }), AGGREGATE),
		'FileNotAllowed',
		/hello\.sh.* no file/,
	);
	const other = new Map(policy().files).set('/opt/tools/hello.sh', new Set(['sha256:00']));
	isRefused(
		t,
		judgeFiles(proven, policy({ files: other }), AGGREGATE),
		'FileNotAllowed',
		/allowed is sha256:00/,
	);
	const violation = policy({ exclude: ['/sys/**'] });
	isRefused(t, judgeFiles(proven, violation, AGGREGATE), 'FileNotAllowed', /open for writing/);
	const strict = policy({ toleratesViolations: false });
	isRefused(t, judgeFiles(proven, strict, AGGREGATE), 'FileNotAllowed', /open for writing/);
	isRefused(t, judgeFiles(proven, policy(), Buffer.alloc(32)), 'LogMismatch', /this boot/);
	isRefused(t, judgeFiles(proven, policy({ files: new Map() }), AGGREGATE), 'PolicyEmpty');
});

test('trap: the list begins anew for a system that an airlock has started, where the policy says so, and for no other kernel', t => {
	const [first, second, ...rest] = proven;
	if (!first || !second) return t.fail('the recorded list is too short');
	const list = (...entries: ImaEntry[]) => entries.map((entry, index) => ({ ...entry, index }));
	const once = list(first, first, second, ...rest);
	const files = new Map(proven.slice(1).map(entry => [entry.name, new Set([digestOf(entry)])]));
	const kexec = policy({ files, isStartedByKexec: true });
	accepted(judgeFiles(once, kexec, AGGREGATE));
	accepted(judgeFiles(proven, kexec, AGGREGATE));
	isRefused(t, judgeFiles(once, policy({ files }), AGGREGATE), 'FileNotAllowed', /boot_aggregate \(entry 1 /);
	isRefused(t, judgeFiles(list(first, first, first, second), kexec, AGGREGATE), 'FileNotAllowed', /entry 2 /);
	isRefused(t, judgeFiles(list(first, second, first), kexec, AGGREGATE), 'FileNotAllowed', /entry 2 /);
	const other = { ...first, digest: Buffer.alloc(32, 1) };
	isRefused(t, judgeFiles(list(first, other), kexec, AGGREGATE), 'FileNotAllowed', /boot_aggregate/);
	isRefused(t, judgeFiles(list(first, { ...first, isViolation: true }), kexec, AGGREGATE), 'FileNotAllowed');
	// Later entries come alone: they are counted from where the last round ended.
	isRefused(t, judgeFiles([{ ...first, index: 40 }], kexec, AGGREGATE), 'FileNotAllowed', /entry 40 /);
});

test('an exclusion matches whole paths, and none is for everything', t => {
	const files = new Map(policy().files);
	files.delete('/opt/tools/hello.sh');
	const judged = (rule: string) =>
		judgeFiles(proven, policy({ files, exclude: [...policy().exclude, rule] }), AGGREGATE);
	for (const rule of ['/opt/tools/hello.sh', '/opt/tools/*', '/opt/**', '/opt/*/*.sh'])
		t.true(judged(rule).ok, rule);
	for (const rule of [
		'/opt/tools/hello',
		'/opt/tools/h',
		'/opt/*',
		'/opt/tools/hello.shx',
		'/opt/tools/hello?sh',
	])
		isRefused(t, judged(rule), 'FileNotAllowed');
	for (const rule of ['**', '/**', '/*/x', 'opt/**', '/opt/../**', '/opt/***', '', '/opt/', '/a/*/*/*/*/*'])
		isRefused(t, judged(rule), 'PolicyEmpty');
});

const entryOf = (changes: Partial<ImaEntry>): ImaEntry => ({
	index: 1,
	pcr: 10,
	template: 'ima-sig',
	isViolation: false,
	hash: 'sha256',
	digest: createHash('sha256').update('content').digest(),
	name: '/opt/signed',
	extra: Buffer.alloc(0),
	data: Buffer.alloc(0),
	...changes,
});

test('a signed file is allowed wherever it stands, by the keys of the policy only', t => {
	const [ours, theirs] = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));
	if (!ours || !theirs) return t.fail('there are two keys');
	const signature = sign('sha256', Buffer.from('content'), ours.privateKey);
	const head = (version: number, algorithm: number) =>
		Buffer.from([3, version, algorithm, 1, 2, 3, 4, signature.length >> 8, signature.length & 255]);
	const judge = (extra: Buffer, key = ours, changes: Partial<ImaEntry> = {}) =>
		judgeFiles(
			[entryOf({ extra, ...changes })],
			{
				files: new Map(),
				exclude: [],
				toleratesViolations: false,
				isStartedByKexec: false,
				signers: [key.publicKey],
				buffers: new Map(),
			},
			AGGREGATE,
		);
	const good = Buffer.concat([head(2, 4), signature]);
	accepted(judge(good));
	isRefused(t, judge(good, theirs), 'FileSignatureWrong');
	isRefused(t, judge(good, ours, { digest: Buffer.alloc(32) }), 'FileSignatureWrong');
	isRefused(t, judge(Buffer.concat([head(3, 4), signature])), 'FileSignatureWrong');
	isRefused(t, judge(Buffer.concat([head(2, 6), signature])), 'FileSignatureWrong');
	isRefused(t, judge(Buffer.alloc(0)), 'FileNotAllowed');
	for (let length = 1; length < good.length; length++)
		t.false(judge(good.subarray(0, length)).ok, `${length}`);
});

test('a key in a keyring of the kernel is one that the policy names there', t => {
	const key = Buffer.from('a certificate');
	const digest = createHash('sha256').update(key).digest();
	const entry = entryOf({ template: 'ima-buf', name: '.ima', extra: key, digest });
	const judge = (one: ImaEntry, keyring: string) =>
		judgeFiles(
			[one],
			policy({ buffers: new Map([[keyring, new Set([`sha256:${digest.toString('hex')}`])]]) }),
			AGGREGATE,
		);
	accepted(judge(entry, '.ima'));
	isRefused(t, judge(entry, '.platform'), 'KeyringWrong');
	isRefused(t, judge({ ...entry, extra: Buffer.from('another') }, '.ima'), 'EventMismatch');
});

test('whatever is not a list is refused for a reason', t => {
	const refused = (text: string) => {
		const outcome = parseAsciiImaList(text);
		return outcome.ok ? 'accepted' : outcome.refusal.code;
	};
	const line = RECORDED.imaAscii.split('\n')[1] ?? '';
	t.is(refused(`${line}\n`), 'accepted');
	t.is(refused(line), 'Malformed');
	t.is(refused(`${line.replace('ima-sig', 'ima-modsig')}\n`), 'Unsupported');
	t.is(refused(`${line.replace('sha256:', 'md5:')}\n`), 'Unsupported');
	t.is(refused(`${line.replace('sha256:', 'sha256:00')}\n`), 'Malformed');
	t.is(refused(`${line.replace('sha256:', 'constructor:')}\n`), 'Unsupported');
	t.is(refused(`${line} 00 00\n`), 'Malformed');
	t.is(refused('\n'), 'Malformed');
	const whole = accepted(parseBinaryImaList(BINARY)).length;
	for (let length = 0; length < BINARY.length; length++) {
		const outcome = parseBinaryImaList(BINARY.subarray(0, length));
		if (outcome.ok) t.true(outcome.value.length < whole);
		else t.regex(outcome.refusal.code, /^(Malformed|Unsupported)$/);
	}
	fc.assert(
		fc.property(fc.nat(BINARY.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
			const bytes = Buffer.from(BINARY);
			bytes[at] = (bytes[at] ?? 0) ^ mask;
			const outcome = parseBinaryImaList(bytes);
			return outcome.ok || /^(Malformed|Unsupported)$/.test(outcome.refusal.code);
		}),
		{ numRuns: 2000 },
	);
});
