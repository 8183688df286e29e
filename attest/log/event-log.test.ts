import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { accepted, isRefused } from '../outcome.fixture.ts';
import { parseEventLog } from './event-log.ts';
import {
	commandLineOf,
	imageDigestOf,
	loadOptionsDigest,
	loadOptionsOf,
	SECURE_BOOT_GUID,
	variableOf,
} from './event-views.ts';
import { replayEventLog } from './replay.ts';

/** What OVMF and Linux measured into swtpm: not made by our own code. */
const RECORDED = JSON.parse(
	readFileSync(new URL('../recorded-boot.fixture.json', import.meta.url), 'utf8'),
) as {
	commandLine: string;
	pcrs: Record<string, string>;
	bootLog: string;
};
const LOG = Buffer.from(RECORDED.bootLog, 'base64');
const PCRS = new Map(
	Object.entries(RECORDED.pcrs).map(([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')]),
);
const BESIDE = new Set([10]);
const replayed = (bytes: Buffer, pcrs: ReadonlyMap<number, Buffer> = PCRS) => {
	const log = parseEventLog(bytes);
	return log.ok ? replayEventLog(log.value, 'sha256', pcrs, BESIDE) : log;
};

test('the log of a real boot leads to the PCRs of its TPM', t => {
	const log = accepted(parseEventLog(LOG));
	t.deepEqual(log.banks, ['sha256']);
	t.is(log.startupLocality, 0);
	accepted(replayed(LOG));
	for (const pcr of [0, 1, 4, 7, 8, 9]) {
		const changed = new Map(PCRS).set(pcr, Buffer.alloc(32, 7));
		isRefused(t, replayed(LOG, changed), 'LogMismatch', new RegExp(`in PCR ${pcr},`));
	}
	const without = new Map(PCRS);
	without.delete(7);
	isRefused(t, replayed(LOG, without), 'SelectionWrong', /PCR 7/);
	isRefused(t, replayed(LOG, new Map()), 'PolicyEmpty');
	isRefused(t, replayEventLog(log, 'sha1', PCRS), 'Unsupported');
});

test('what rules need is read from its events: variables, images, the command line', t => {
	const { events } = accepted(parseEventLog(LOG));
	const variables = events.map(event => accepted(variableOf(event, 'sha256'))).filter(v => v !== undefined);
	const secureBoot = variables.find(one => one.name === 'SecureBoot');
	t.deepEqual(secureBoot, { guid: SECURE_BOOT_GUID, name: 'SecureBoot', value: Buffer.of(0) });
	t.deepEqual(
		variables.map(one => one.name),
		['SecureBoot', 'PK', 'KEK', 'db', 'dbx', 'BootOrder', 'Boot0000'],
	);
	t.is(events.filter(event => imageDigestOf(event, 'sha256')).length, 1);
	const given = events.map(event => accepted(loadOptionsOf(event, 'sha256'))).filter(d => d !== undefined);
	t.deepEqual(given, [loadOptionsDigest('sha256', RECORDED.commandLine)]);
	t.notDeepEqual(given, [loadOptionsDigest('sha256', `${RECORDED.commandLine} init=/bin/sh`)]);
});

test('cut anywhere it is refused, and no change to it leads to the same PCRs with another digest', t => {
	for (let length = 0; length < LOG.length; length++)
		t.false(replayed(LOG.subarray(0, length)).ok, `${length}`);
	const good = accepted(parseEventLog(LOG)).events.map(event => event.digests.sha256?.toString('hex'));
	fc.assert(
		fc.property(fc.nat(LOG.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
			const bytes = Buffer.from(LOG);
			bytes[at] = (bytes[at] ?? 0) ^ mask;
			const log = parseEventLog(bytes);
			if (!log.ok || !replayed(bytes).ok) return;
			t.deepEqual(
				log.value.events.map(event => event.digests.sha256?.toString('hex')),
				good,
			);
		}),
		{ numRuns: 2000 },
	);
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 200 }), bytes => !replayed(Buffer.from(bytes)).ok),
		{ numRuns: 1000 },
	);
});

test('data that was not measured says nothing, though the PCRs agree', t => {
	const bytes = Buffer.from(LOG);
	const name = Buffer.from('SecureBoot', 'utf16le');
	bytes.set(Buffer.from('SecureBoof', 'utf16le'), bytes.indexOf(name));
	accepted(replayed(bytes));
	const event = accepted(parseEventLog(bytes)).events.find(one => one.data.includes('f\0'));
	if (!event) return t.fail('the event is there');
	isRefused(t, variableOf(event, 'sha256'), 'EventMismatch');
});

const u32 = (value: number) => {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(value >>> 0);
	return bytes;
};
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
const HEADER = LOG.subarray(0, 32 + LOG.readUInt32LE(28));
const event = (pcr: number, type: number, data: Buffer, measured = data) =>
	Buffer.concat([
		u32(pcr),
		u32(type),
		u32(1),
		Buffer.from('0b00', 'hex'),
		sha256(measured),
		u32(data.length),
		data,
	]);
const locality = (value: number) =>
	event(0, 3, Buffer.from(`StartupLocality\0${String.fromCharCode(value)}`, 'latin1'));

test('a startup locality stands in the last byte of PCR 0, whatever else measures nothing', t => {
	const measured = event(0, 8, Buffer.from('version'));
	const log = Buffer.concat([HEADER, event(0, 3, Buffer.from('something else')), locality(3), measured]);
	const start = Buffer.alloc(32);
	start[31] = 3;
	const pcr = sha256(Buffer.concat([start, sha256(Buffer.from('version'))]));
	accepted(replayed(log, new Map([[0, pcr]])));
	isRefused(t, replayed(Buffer.concat([HEADER, measured]), new Map([[0, pcr]])), 'LogMismatch');
	isRefused(
		t,
		parseEventLog(Buffer.concat([HEADER, measured, locality(3)])),
		'Malformed',
		/after it measured/,
	);
	isRefused(t, parseEventLog(Buffer.concat([HEADER, locality(3), locality(4)])), 'Malformed', /twice/);
	isRefused(t, parseEventLog(Buffer.concat([HEADER, locality(2)])), 'Malformed', /that there is not/);
});

test('types and algorithms that are not known are refused', t => {
	isRefused(
		t,
		parseEventLog(Buffer.concat([HEADER, event(1, 0x77, Buffer.of(1))])),
		'EventUnknown',
		/event 1 of unknown type 0x0077/,
	);
	const other = Buffer.from(HEADER);
	other[60] = 0x12;
	isRefused(t, parseEventLog(other), 'Unsupported', /algorithm 0x0012/);
	isRefused(t, parseEventLog(Buffer.concat([HEADER, event(24, 1, Buffer.of(1))])), 'Malformed', /PCR 24/);
	isRefused(t, parseEventLog(LOG.subarray(HEADER.length)), 'Unsupported');
});

test('command lines of GRUB and of systemd-stub are read where their digest agrees', t => {
	const text = 'root=/dev/sda1 quiet';
	const line = (pcr: number, data: Buffer, measured?: Buffer) => {
		const [one] = accepted(parseEventLog(Buffer.concat([HEADER, event(pcr, 0x0d, data, measured)]))).events;
		return one ? commandLineOf(one, 'sha256') : undefined;
	};
	const grub = Buffer.from(`kernel_cmdline: ${text}`);
	t.deepEqual(line(8, grub, Buffer.from(text)), { ok: true, value: text });
	t.deepEqual(line(12, Buffer.from(`${text}\0`, 'utf16le')), { ok: true, value: text });
	t.deepEqual(line(8, Buffer.from('grub_cmd: set x')), { ok: true, value: undefined });
	const lie = line(8, grub, Buffer.from(`${text} init=/bin/sh`));
	if (lie) isRefused(t, lie, 'EventMismatch');
});
