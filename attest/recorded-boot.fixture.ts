import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseAsciiImaList } from './ima/ima-list.ts';
import { parseEventLog } from './log/event-log.ts';
import { accepted } from './outcome.fixture.ts';

const file = JSON.parse(readFileSync(new URL('recorded-boot.fixture.json', import.meta.url), 'utf8')) as {
	commandLine: string;
	pcrs: Record<string, string>;
	bootLog: string;
	imaLater: string;
};

/** What OVMF and Linux measured into swtpm: not made by our own code. */
export const recorded = {
	commandLine: file.commandLine,
	bootLog: Buffer.from(file.bootLog, 'base64'),
	/** With entries after those that the PCRs account for. */
	ima: file.imaLater,
	pcrs: new Map(Object.entries(file.pcrs).map(([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')])),
};

/** What to extend into a TPM for it to have these PCRs: of the boot log, and of the list's first `entries` entries. */
export function recordedExtends(entries: number): readonly (readonly [pcr: number, digest: Buffer])[] {
	const events = accepted(parseEventLog(recorded.bootLog)).events.map(
		({ pcr, digests }) => [pcr, digests.sha256 ?? Buffer.alloc(0)] as const,
	);
	return [...events, ...imaExtends(0, entries)];
}

/** The same of the list's entries from `first` on. */
export function imaExtends(first: number, end: number): readonly (readonly [pcr: number, digest: Buffer])[] {
	return accepted(parseAsciiImaList(recorded.ima))
		.slice(first, end)
		.map(entry => [10, templateDigest(entry.data, entry.isViolation)] as const);
}

const templateDigest = (data: Buffer, isViolation: boolean): Buffer =>
	isViolation ? Buffer.alloc(32, 0xff) : createHash('sha256').update(data).digest();
