import { z } from 'zod';
import type { NetworkKeys } from './pair-keys.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hexadecimal');

/** What an airlock starts from an encrypted disk, as `bimetal image encrypt` writes it. */
export const bootSettings = z.strictObject({
	/** The LUKS2 container's UUID. */
	disk: z.uuid().lowercase(),
	/** SHA-256 of /boot/vmlinuz in it, and of /boot/initrd. */
	kernel: sha256,
	initrd: sha256,
	/** The kernel's command line. Anybody on the node can read it. */
	arguments: z
		.string()
		.min(1)
		.max(2000)
		.regex(/^[ -~]+$/, 'expected printable ASCII on one line'),
});
export type BootSettings = z.output<typeof bootSettings>;

/** What is in a payload for the airlock. */
export interface AirlockPayload {
	readonly luksKey: Uint8Array;
	readonly boot: BootSettings;
	/** For what goes between the tenant's nodes; in the clear, when absent. */
	readonly network?: NetworkKeys | undefined;
}

/** As a shell reads it: a name and a value on each line. */
const bootText = (boot: BootSettings): string =>
	Object.entries(boot)
		.map(([name, value]) => `${name}=${value}\n`)
		.join('');

/** A tar that qemu/airlock/system/admitted takes: plain files of known names, nobody's in particular. The same in gives the same out. */
export function airlockPayload({ luksKey, boot, network }: AirlockPayload): Buffer {
	const lines = network?.peers.map(({ name, address, key }) => `${name} ${address} ${key}\n`).join('');
	return tar({
		'boot.conf': Buffer.from(bootText(boot)),
		'luks.key': luksKey,
		...(network && {
			'ipsec/self': Buffer.from(`${network.self.name} ${network.self.address}\n`),
			'ipsec/peers': Buffer.from(lines ?? ''),
		}),
	});
}

/** Bytes. */
const block = 512;

/** POSIX ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"): only what its names of 100 bytes need. */
function tar(files: Readonly<Record<string, Uint8Array>>): Buffer {
	const parts = Object.entries(files).flatMap(([name, content]) => [
		header(name, content.length),
		content,
		Buffer.alloc(-content.length & (block - 1)),
	]);
	return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

function header(name: string, size: number): Buffer {
	if (Buffer.byteLength(name) > 100) throw new RangeError(`a name in a payload is too long: ${name}`);
	const head = Buffer.alloc(block);
	const octal = (value: number, at: number, digits: number) =>
		head.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
	head.write(name, 0);
	octal(0o600, 100, 7);
	octal(0, 108, 7);
	octal(0, 116, 7);
	octal(size, 124, 11);
	octal(0, 136, 11);
	head.write('0', 156, 'latin1');
	head.write('ustar\x0000', 257, 'latin1');
	// The sum of all bytes, with blanks where it will stand itself.
	head.fill(' ', 148, 156);
	octal(
		head.reduce((sum, byte) => sum + byte, 0),
		148,
		6,
	);
	head.write('\0 ', 154, 'latin1');
	return head;
}
