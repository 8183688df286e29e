import { createHash } from 'node:crypto';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { readEfiProgram } from './efi-program.ts';

/** What a boot from one EFI program, of kernel, initrd and command line, leads to. Digests are SHA-256, in hexadecimal. */
export interface MeasuredProgram {
	/** The program, and the kernel in it, which is loaded as a program too. */
	readonly images: readonly [program: string, kernel: string];
	readonly commandLine: string;
	/** What else is measured, in its order, besides the separator of PCR 4. */
	readonly events: readonly { readonly pcr: number; readonly what: string; readonly digest: string }[];
	/**
	 * The values that PCRs 4, 9 and 11 may come to, on any firmware that boots it from a boot option, and nothing before it. Two
	 * of PCR 4: with Secure Boot, and without. With it, the stub loads the kernel by itself, past the firmware.
	 */
	readonly pcrs: Readonly<Record<string, readonly string[]>>;
}

/** What firmware says before it starts what a boot option names (TCG PC Client PFP, section 8.2.4), and after all its own. */
const calling = 'Calling EFI Application from Boot Option';
const separator = Buffer.alloc(4);
/** Sections that systemd's stub measures, in its order; of what it knows besides, none may be there (systemd-stub(7)). */
const sectionsMeasured = ['.linux', '.cmdline', '.initrd', '.sbat'];
const notExpected = /^\.(?:osrel|ucode|splash|dtb|dtbauto|efifw|hwids|uname|pcrsig|pcrpkey|profile)$/;

/**
 * Works out what UEFI firmware, systemd's stub and Linux's own measure of a program of `unifiedKernel`, without booting it.
 * Throws ProgramUnfit.
 */
export function measureProgram(file: Buffer): MeasuredProgram {
	const program = readEfiProgram(file);
	const { sections } = program;
	const part = (name: string): Buffer => {
		const found = sections.get(name);
		if (found) return found;
		throw unfit(`it has no section ${name}`);
	};
	const other = [...sections.keys()].find(name => notExpected.test(name));
	if (other !== undefined) throw unfit(`nobody has worked out what is measured of its section ${other}`);
	const kernel = readEfiProgram(part('.linux'));
	const commandLine = part('.cmdline').toString('utf8');
	const events = [
		{ pcr: 4, what: `EV_EFI_ACTION ${calling}`, digest: sha256(calling) },
		{ pcr: 9, what: 'EV_EVENT_TAG the initrd', digest: sha256(part('.initrd')) },
		...sectionsMeasured.flatMap(name => [
			{ pcr: 11, what: `EV_IPL name of ${name}`, digest: sha256(`${name}\0`) },
			{ pcr: 11, what: `EV_IPL ${name}`, digest: sha256(part(name)) },
		]),
	];
	const of = (pcr: number) => events.filter(event => event.pcr === pcr).map(({ digest }) => digest);
	const started = [...of(4), sha256(separator), program.digest];
	// As firmware hands it on.
	const options = sha256(Buffer.from(`${commandLine}\0`, 'utf16le'));
	return {
		images: [program.digest, kernel.digest],
		commandLine,
		events,
		pcrs: {
			'4': [extended(started), extended([...started, kernel.digest])],
			'9': [extended([options, ...of(9)])],
			'11': [extended(of(11))],
		},
	};
}

const sha256 = (of: Buffer | string): string => createHash('sha256').update(of).digest('hex');

/** A PCR of the bank SHA-256 from its reset on (TPM 2.0 Part 1, section 17.2). */
const extended = (digests: readonly string[]): string =>
	digests
		.reduce(
			(value, digest) => createHash('sha256').update(value).update(Buffer.from(digest, 'hex')).digest(),
			Buffer.alloc(32),
		)
		.toString('hex');

const unfit = (why: string): BimetalError =>
	new BimetalError('ProgramUnfit', `this is no program of kernel, initrd and command line: ${why}`, {
		status: 422,
		expose: true,
	});
