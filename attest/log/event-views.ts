import { createHash } from 'node:crypto';
import { readAll } from '../bytes/byte-reader.ts';
import { accept, type Outcome, refuse } from '../outcome.ts';
import type { HashName } from '../tpm/algorithms.ts';
import type { BootEvent } from './event-log.ts';

/** A UEFI variable as it was when it was measured. */
export interface MeasuredVariable {
	/** Of its vendor, as UEFI writes it. */
	readonly guid: string;
	readonly name: string;
	readonly value: Buffer;
}

export const SECURE_BOOT_GUID = '8be4df61-93ca-11d2-aa0d-00e098032b8c';

const VARIABLES: ReadonlySet<string> = new Set([
	'EV_EFI_VARIABLE_DRIVER_CONFIG',
	'EV_EFI_VARIABLE_AUTHORITY',
	'EV_EFI_VARIABLE_BOOT',
	'EV_EFI_VARIABLE_BOOT2',
]);

/**
 * UEFI_VARIABLE_DATA (TCG PC Client Platform Firmware Profile, section 10.4.2), of an event of the log as replayed.
 * @returns undefined for events that are of no variable
 */
export function variableOf(event: BootEvent, hash: HashName): Outcome<MeasuredVariable | undefined> {
	if (!VARIABLES.has(event.type)) return accept(undefined);
	const parsed = readAll(
		event.data,
		`event ${event.index} of the boot log`,
		reader => {
			const guid = guidText(reader.take(16));
			const [characters, length] = [reader.u64(), reader.u64()];
			if (characters > 1024n || length > BigInt(event.data.length)) reader.fail('is longer than it is');
			const name = reader.take(Number(characters) * 2).toString('utf16le');
			return { guid, name, value: reader.take(Number(length)) };
		},
		'little',
	);
	if (!parsed.ok) return parsed;
	// Old firmware measures a boot variable's value without its name: then the data proves the value alone.
	const measured = event.type === 'EV_EFI_VARIABLE_BOOT' ? [event.data, parsed.value.value] : [event.data];
	return accountedFor(event, hash, measured) ?? parsed;
}

/**
 * A kernel's command line, from an event whose data is what was measured: of GRUB (`kernel_cmdline: …`, PCR 8), of
 * systemd-stub (UTF-16, PCR 12, or 8 in old ones).
 * @returns undefined for every other event
 */
export function commandLineOf(event: BootEvent, hash: HashName): Outcome<string | undefined> {
	if (event.type !== 'EV_IPL') return accept(undefined);
	const grub = /^kernel_cmdline: ([^\0]*)\0?$/.exec(event.data.toString('utf8'))?.[1];
	if (grub !== undefined) {
		// GRUB measures what stands after the prefix, which it writes into the log only.
		return accountedFor(event, hash, [Buffer.from(grub)]) ?? accept(grub);
	}
	if ((event.pcr !== 12 && event.pcr !== 8) || event.data.length % 2 !== 0) return accept(undefined);
	const text = event.data.toString('utf16le').replace(/\0$/, '');
	if (!/^[\x20-\x7e]+$/.test(text)) return accept(undefined);
	return accountedFor(event, hash, [event.data]) ?? accept(text);
}

/** LOAD_OPTIONS_EVENT_TAG_ID of Linux's EFI stub (drivers/firmware/efi/libstub/efistub.h). */
const LOAD_OPTIONS = 0x8f3b22ed;
const LINUX_PCR = 9;

/**
 * The digest of the command line that Linux's EFI stub was given, which the log does not show: to be compared with
 * `loadOptionsDigest`. The tag is not authenticated: a rule on it must account for every other event of its PCR as well.
 * @returns undefined for every other event
 */
export function loadOptionsOf(event: BootEvent, hash: HashName): Outcome<Buffer | undefined> {
	if (event.type !== 'EV_EVENT_TAG' || event.pcr !== LINUX_PCR) return accept(undefined);
	return readAll(
		event.data,
		`event ${event.index} of the boot log`,
		reader => {
			const tag = reader.u32();
			reader.sized32();
			return tag === LOAD_OPTIONS ? event.digests[hash] : undefined;
		},
		'little',
	);
}

/** Of a command line as firmware hands it on, in UTF-16 with an end. */
export const loadOptionsDigest = (hash: HashName, commandLine: string): Buffer =>
	createHash(hash)
		.update(Buffer.from(`${commandLine}\0`, 'utf16le'))
		.digest();

/** The digest of a boot application, driver or kernel that UEFI loaded: its path in the event is not authenticated. */
export function imageDigestOf(event: BootEvent, hash: HashName): Buffer | undefined {
	const isImage = /^EV_EFI_(BOOT_SERVICES_(APPLICATION|DRIVER)|RUNTIME_SERVICES_DRIVER)$/.test(event.type);
	return isImage ? event.digests[hash] : undefined;
}

/** Data says something only where the digest, which the PCRs prove, is of these bytes. */
function accountedFor(
	event: BootEvent,
	hash: HashName,
	measured: readonly Buffer[],
): Outcome<never> | undefined {
	const digest = event.digests[hash];
	const isProven = digest && measured.some(bytes => createHash(hash).update(bytes).digest().equals(digest));
	if (isProven) return undefined;
	return refuse(
		'EventMismatch',
		`event ${event.index} of the boot log (${event.type} in PCR ${event.pcr}) has data that was not measured`,
	);
}

/** EFI_GUID: its first three fields are little-endian. */
function guidText(bytes: Buffer): string {
	const swapped = Buffer.from(bytes);
	swapped.subarray(0, 4).reverse();
	swapped.subarray(4, 6).reverse();
	swapped.subarray(6, 8).reverse();
	return swapped.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
