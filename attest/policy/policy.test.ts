import { createHash } from 'node:crypto';
import test from 'ava';
import { type EventLog, parseEventLog } from '../log/event-log.ts';
import { accepted, isRefused } from '../outcome.fixture.ts';
import { imaExtends, recorded } from '../recorded-boot.fixture.ts';
import { judgeBoot } from './boot-rules.ts';
import { learnPolicy } from './learn.ts';
import { type BootRules, type PolicyFile, parsePolicy } from './policy.ts';

const LOG = accepted(parseEventLog(recorded.bootLog));
const {
	policy: { ima: _ima, ...bootOnly },
} = accepted(learnPolicy(recorded));
const LEARNT: PolicyFile = bootOnly;
const rulesOf = (file: PolicyFile): BootRules => {
	const { boot } = accepted(parsePolicy(file));
	if (!boot) throw new Error('there are rules');
	return boot;
};
const RULES = rulesOf(LEARNT);
const judged = (rules: BootRules, log: EventLog = LOG) => judgeBoot(log, 'sha256', rules);
const hex = (fill: string) => fill.repeat(64);

test('what is learnt of a boot allows that boot, and says of each event what it needs', t => {
	accepted(judged(RULES));
	for (const kind of ['firmware', 'images'] as const)
		for (const digest of RULES[kind]) {
			const without = { ...RULES, [kind]: RULES[kind].filter(one => one !== digest) };
			isRefused(t, judged(without), 'EventNotAllowed', new RegExp(`has sha256:${digest}; allowed there is `));
		}
	for (const rule of RULES.events)
		for (const digest of rule.digests) {
			const events = RULES.events.map(one =>
				one === rule ? { ...one, digests: one.digests.filter(other => other !== digest) } : one,
			);
			isRefused(t, judged({ ...RULES, events }), 'EventNotAllowed', new RegExp(`sha256:${digest}; allowed`));
		}
	isRefused(
		t,
		judged({ ...RULES, images: [hex('a')] }),
		'EventNotAllowed',
		/EV_EFI_BOOT_SERVICES_APPLICATION in PCR 4\) has sha256:58f8.*; allowed there is sha256:a{64}$/,
	);
	isRefused(
		t,
		judged({ ...RULES, secureBoot: 'on' }),
		'EventNotAllowed',
		/Secure Boot is off, and must be on/,
	);
});

test('of a system that measures no files, none are judged', t => {
	const [[, digest] = [10, Buffer.alloc(32)]] = imaExtends(0, 1);
	const aggregate = createHash('sha256').update(Buffer.alloc(32)).update(digest).digest();
	const { policy } = accepted(learnPolicy({ ...recorded, pcrs: new Map(recorded.pcrs).set(10, aggregate) }));
	t.is(policy.ima, undefined);
	accepted(parsePolicy(policy));
});

test('a digest is allowed in its PCR only, whatever type an event claims', t => {
	const [pk] = RULES.events.filter(rule => rule.what?.endsWith(' PK'));
	const moved = RULES.events.map(rule => (rule === pk ? { ...rule, pcr: 1 } : rule));
	isRefused(t, judged({ ...RULES, events: moved }), 'EventNotAllowed', /PCR 7/);
	// An image that calls itself firmware: types are not authenticated.
	const images = RULES.images;
	const renamed = (type: string) => ({
		...LOG,
		events: LOG.events.map(event =>
			images.includes(event.digests.sha256?.toString('hex') ?? '') ? { ...event, type } : event,
		),
	});
	isRefused(t, judged(RULES, renamed('EV_EFI_PLATFORM_FIRMWARE_BLOB')), 'EventNotAllowed');
	isRefused(t, judged(RULES, renamed('EV_SEPARATOR')), 'EventNotAllowed');
});

test('what must be there once is there once', t => {
	const without = (is: (event: EventLog['events'][number]) => boolean) => ({
		...LOG,
		events: LOG.events.filter(event => !is(event)),
	});
	isRefused(
		t,
		judged(
			RULES,
			without(event => event.type === 'EV_SEPARATOR' && event.pcr === 7),
		),
		'EventMissing',
		/0 separators in PCR 7/,
	);
	const state = (event: EventLog['events'][number]) =>
		event.pcr === 7 && event.data.includes(Buffer.from('SecureBoot', 'utf16le'));
	isRefused(t, judged(RULES, without(state)), 'EventMissing', /Secure Boot was measured 0 times/);
	const twice = { ...LOG, events: [...LOG.events, ...LOG.events.filter(state)] };
	isRefused(t, judged(RULES, twice), 'EventMissing', /measured 2 times/);
	isRefused(
		t,
		judged(
			RULES,
			without(event => event.pcr === 4 && /APPLICATION/.test(event.type)),
		),
		'EventMissing',
		/no image/,
	);
	isRefused(t, judged(RULES, { ...LOG, events: [] }), 'EventMissing');
});

test('a kernel’s command line is one that the policy has, as text', t => {
	const events = RULES.events.filter(rule => !rule.what?.endsWith('command line'));
	const initrd = RULES.events.filter(rule => rule.what === 'EV_EVENT_TAG');
	t.is(initrd.length, 1);
	const exactly = { ...RULES, events, commandLines: ['quiet', recorded.commandLine] };
	accepted(judged(exactly));
	isRefused(
		t,
		judged({ ...exactly, commandLines: [`${recorded.commandLine} init=/bin/sh`] }),
		'EventNotAllowed',
		/the kernel was told something else .* than ".* init=\/bin\/sh"/,
	);
	isRefused(t, judged({ ...exactly, commandLines: [] }), 'EventNotAllowed', /EV_EVENT_TAG in PCR 9/);
});

test('trap: a policy that checks nothing is refused, and one that forgets a PCR', t => {
	const all = (text: string) => Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7].map(pcr => [String(pcr), text]));
	const base = { version: 1 } as const;
	const { '4': _four, ...forgetful } = all(hex('a'));
	isRefused(t, parsePolicy({}), 'PolicyWrong', /version/);
	isRefused(t, parsePolicy(base), 'PolicyWrong', /says nothing of PCR 0, 1, 2, 3, 4, 5, 6, 7/);
	isRefused(
		t,
		parsePolicy({ ...base, pcrs: forgetful }),
		'PolicyWrong',
		/says nothing of PCR 4: give values/,
	);
	isRefused(t, parsePolicy({ ...base, unchecked: all('nobody minds') }), 'PolicyEmpty', /any firmware/);
	isRefused(t, parsePolicy({ ...base, pcrs: all(hex('0')) }), 'PolicyEmpty');
	isRefused(t, parsePolicy({ ...base, pcrs: { ...all(hex('a')), '3': [] } }), 'PolicyWrong');
	isRefused(t, parsePolicy({ ...base, pcrs: { ...all(hex('a')), '24': hex('a') } }), 'PolicyWrong');
	isRefused(
		t,
		parsePolicy({ ...base, pcrs: { ...all(hex('a')), '16': hex('a') } }),
		'PolicyWrong',
		/PCR 16 can be reset/,
	);
	isRefused(
		t,
		parsePolicy({ ...base, pcrs: all(hex('a')), unchecked: { 7: 'why not' } }),
		'PolicyWrong',
		/two things of PCR 7/,
	);
	isRefused(t, parsePolicy({ ...base, pcrs: all('aa') }), 'PolicyWrong');
	isRefused(
		t,
		parsePolicy({ ...base, bank: 'sha384', pcrs: all(hex('a')) }),
		'PolicyWrong',
		/no digest of sha384/,
	);
	isRefused(t, parsePolicy({ ...base, pcrs: all(hex('a')), more: 1 }), 'PolicyWrong');
	const { secureBoot: _state, ...stateless } = RULES;
	isRefused(
		t,
		parsePolicy({ ...LEARNT, boot: stateless }),
		'PolicyWrong',
		/which state Secure Boot must have/,
	);
	const files = (ima: object) => parsePolicy({ ...LEARNT, ima });
	isRefused(t, files({}), 'PolicyEmpty', /allows none/);
	isRefused(
		t,
		files({ files: { '/bin/x': `sha256:${hex('a')}` }, exclude: ['/**'] }),
		'PolicyEmpty',
		/is no rule/,
	);
	isRefused(t, files({ signers: ['a key'] }), 'PolicyWrong', /no public RSA key/);
	isRefused(t, files({ files: { '/bin/x': 'sha1:aa' } }), 'PolicyWrong');
	const { selection } = accepted(files({ files: { '/bin/x': `sha256:${hex('a')}` } }));
	t.deepEqual(selection, [{ hash: 'sha256', pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }]);
	accepted(parsePolicy({ ...base, pcrs: all(hex('a')) }));
});

test('without a log, a boot is known by the values of its PCRs', t => {
	const { policy: learnt } = accepted(
		learnPolicy({ pcrs: recorded.pcrs, bootLog: undefined, ima: undefined }),
	);
	const { values, boot, files } = accepted(parsePolicy(learnt));
	t.deepEqual([...values.keys()], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
	t.true(values.get(4)?.has(recorded.pcrs.get(4)?.toString('hex') ?? ''));
	t.is(boot ?? files, undefined);
	const lying = new Map(recorded.pcrs).set(4, Buffer.alloc(32, 1));
	isRefused(t, learnPolicy({ ...recorded, pcrs: lying }), 'LogMismatch');
});
