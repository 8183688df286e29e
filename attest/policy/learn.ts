import { parseAsciiImaList } from '../ima/ima-list.ts';
import { replayImaList } from '../ima/replay.ts';
import { checkErased, LEFT_PCR } from '../judge/erased.ts';
import type { BootEvent } from '../log/event-log.ts';
import { parseEventLog } from '../log/event-log.ts';
import {
	commandLineOf,
	imageDigestOf,
	loadOptionsOf,
	SECURE_BOOT_GUID,
	variableOf,
} from '../log/event-views.ts';
import { replayEventLog } from '../log/replay.ts';
import { accept, type Outcome, refuse } from '../outcome.ts';
import type { TpmClock } from '../tpm/quote.ts';
import { FIRMWARE_TYPES } from './boot-rules.ts';
import type { PolicyFile } from './policy.ts';

/** A boot that is taken for good. */
export interface ReferenceBoot {
	/** Bank sha256, as the node's TPM quoted them: PCRs 0 to 15. */
	readonly pcrs: ReadonlyMap<number, Buffer>;
	/** How often the TPM was reset and restarted since it was cleared; it is not looked at when absent. */
	readonly clock?: Pick<TpmClock, 'resetCount' | 'restartCount'>;
	readonly bootLog: Buffer | undefined;
	readonly ima: string | undefined;
}

const BANK = 'sha256';
const IMA_PCR = 10;
/**
 * The policy that this boot, and nothing else, satisfies: rules for the events of its log, or, without a log (LinuxBoot),
 * the PCRs' values; and the files of its IMA list. People make it wider from there: `violations` are paths of files that
 * were open for writing while they were measured, which only an exclusion lets pass.
 */
export function learnPolicy({
	pcrs,
	clock,
	bootLog,
	ima,
}: ReferenceBoot): Outcome<{ readonly policy: PolicyFile; readonly violations: readonly string[] }> {
	const files = ima === undefined || !pcrs.has(IMA_PCR) ? accept(undefined) : learnFiles(pcrs, ima);
	if (!files.ok) return files;
	const judged = [...pcrs.keys()].filter(pcr => pcr !== IMA_PCR);
	const known = bootLog ? learnBoot(pcrs, bootLog) : accept(undefined);
	if (!known.ok) return known;
	const measured = new Set(known.value?.pcrs);
	// What no log tells of is compared as it is, up to the PCRs that systems measure into while they run.
	const plain = judged.filter(pcr => !measured.has(pcr) && pcr < IMA_PCR);
	const policy: PolicyFile = {
		version: 1,
		bank: BANK,
		...(plain.length > 0 && {
			pcrs: Object.fromEntries(plain.map(pcr => [pcr, pcrs.get(pcr)?.toString('hex') ?? ''])),
		}),
		...(known.value && { boot: known.value }),
		...(files.value && { ima: files.value.ima }),
		...(clock && !measured.has(LEFT_PCR) && checkErased(clock, pcrs).ok && { erased: true }),
	};
	return accept({ policy, violations: files.value?.violations ?? [] });
}

function learnBoot(
	pcrs: ReadonlyMap<number, Buffer>,
	bytes: Buffer,
): Outcome<NonNullable<PolicyFile['boot']>> {
	const log = parseEventLog(bytes);
	if (!log.ok) return log;
	const { events } = log.value;
	const judged = [...new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...events.map(({ pcr }) => pcr)])]
		.filter(pcr => pcr !== IMA_PCR)
		.sort((a, b) => a - b);
	const quoted = new Map(judged.map(pcr => [pcr, pcrs.get(pcr) ?? Buffer.alloc(0)]));
	const replayed = replayEventLog(log.value, BANK, quoted, new Set([IMA_PCR]));
	if (!replayed.ok) return replayed;
	const [firmware, images, commandLines] = [new Set<string>(), new Set<string>(), new Set<string>()];
	const others = new Map<string, { pcr: number; digests: string[]; what: string }>();
	let secureBoot: 'on' | 'off' | undefined;
	for (const event of events.filter(({ pcr }) => judged.includes(pcr))) {
		const digest = event.digests[BANK]?.toString('hex') ?? '';
		const variable = nameOf(event);
		const line = commandLineOf(event, BANK);
		if (variable?.name === 'SecureBoot' && variable.guid === SECURE_BOOT_GUID && event.pcr === 7)
			secureBoot = variable.value.equals(Buffer.of(1)) ? 'on' : 'off';
		else if (imageDigestOf(event, BANK)) images.add(digest);
		else if (event.pcr === 0 && FIRMWARE_TYPES.has(event.type)) firmware.add(digest);
		else if (line.ok && line.value !== undefined) commandLines.add(line.value);
		else if (event.type !== 'EV_SEPARATOR') {
			const options = loadOptionsOf(event, BANK);
			const isCommandLine = options.ok && options.value !== undefined;
			const detail = variable?.name ?? (isCommandLine ? 'the kernel’s command line' : '');
			const what = `${event.type} ${detail}`.trim();
			const key = `${event.pcr} ${what}`;
			const known = others.get(key) ?? { pcr: event.pcr, digests: [], what };
			if (!known.digests.includes(digest)) known.digests.push(digest);
			others.set(key, known);
		}
	}
	if (secureBoot === undefined)
		return refuse('EventMissing', 'the boot log does not tell the state of Secure Boot');
	return accept({
		pcrs: judged,
		secureBoot,
		firmware: [...firmware],
		images: [...images],
		...(commandLines.size > 0 && { commandLines: [...commandLines] }),
		events: [...others.values()],
	});
}

function nameOf(event: BootEvent) {
	const variable = variableOf(event, BANK);
	return variable.ok ? variable.value : undefined;
}

function learnFiles(
	pcrs: ReadonlyMap<number, Buffer>,
	text: string,
): Outcome<{ ima: NonNullable<PolicyFile['ima']>; violations: string[] } | undefined> {
	const entries = parseAsciiImaList(text);
	if (!entries.ok) return entries;
	const replay = replayImaList(entries.value, BANK, pcrs.get(IMA_PCR) ?? Buffer.alloc(0));
	if (!replay.ok) return replay;
	const [files, buffers] = [new Map<string, Set<string>>(), new Map<string, Set<string>>()];
	const violations = new Set<string>();
	for (const { index, name, hash, digest, isViolation, template } of replay.value.proven) {
		if (isViolation) violations.add(name);
		if (index === 0 || isViolation) continue;
		const into = template === 'ima-buf' ? buffers : files;
		const known = into.get(name) ?? new Set();
		into.set(name, known.add(`${hash}:${digest.toString('hex')}`));
	}
	// A kernel without a policy for IMA measures the aggregate alone: then nobody judges files, rather than allow none.
	if (replay.value.proven.length <= 1) return accept(undefined);
	const plain = (sets: ReadonlyMap<string, ReadonlySet<string>>) =>
		Object.fromEntries([...sets].map(([name, digests]) => [name, [...digests]]));
	const ima = { files: plain(files), ...(buffers.size > 0 && { buffers: plain(buffers) }) };
	return accept({ ima, violations: [...violations] });
}
