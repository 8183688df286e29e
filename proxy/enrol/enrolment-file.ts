import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { makeFolderDurably, syncFolder, writeFileDurably } from '../../common/store/durable-file.ts';
import { change } from './doors.ts';
import { enrolErrors } from './errors.ts';

/**
 * `enrolment/<bmc>.json`: what was done to a BMC, to go on after a crash, to keep watch and to give it back. Readable
 * by its owner alone: while the password is being changed it holds those that could be the BMC's.
 */
const enrolmentFile = z.strictObject({
	format: z.literal(1),
	bmc: z.string(),
	url: z.string(),
	/** SHA-256 of the certificate. */
	fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
	username: z.string(),
	state: z.enum(['enrolling', 'enrolled', 'releasing']),
	/** The wanted one last. None once it is the BMC's and stands in its own file. */
	passwords: z.array(z.string()),
	/** The password file, relative to the site file's folder. */
	passwordFile: z.string(),
	rack: z.string().nullable(),
	keep: z.array(z.string()),
	accounts: z.enum(['disable', 'delete']),
	/** Doors that stood open, and what opens them again; null where nothing does. */
	shut: z.array(z.strictObject({ door: z.string(), reopen: change.nullable() })),
});
export type Enrolment = z.infer<typeof enrolmentFile>;

/** What enrolling does to the disk; tests let it fail. */
export interface Disk {
	read(path: string): Promise<string | undefined>;
	/** Durable, mode 0600. */
	write(path: string, text: string): Promise<void>;
	/** Durable; no fault when there is no such file. */
	remove(path: string): Promise<void>;
}

export const durableDisk: Disk = {
	async read(path) {
		try {
			return await readFile(path, 'utf8');
		} catch (fault) {
			if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
			throw fault;
		}
	},
	async write(path, text) {
		await makeFolderDurably(dirname(path));
		await writeFileDurably(path, text, 0o600);
	},
	async remove(path) {
		await rm(path, { force: true });
		await syncFolder(dirname(path)).catch((fault: NodeJS.ErrnoException) => {
			if (fault.code !== 'ENOENT') throw fault;
		});
	},
};

/** Relative to the folder of the site file, as it is written there. */
export const enrolmentPath = (bmc: string): string => `enrolment/${bmc}.json`;

/** @throws BimetalError EnrolmentUnreadable */
export function parseEnrolment(path: string, text: string): Enrolment {
	try {
		return enrolmentFile.parse(JSON.parse(text));
	} catch (cause) {
		throw enrolErrors.EnrolmentUnreadable(`${path} is no record of an enrolment`, { cause });
	}
}

export async function readEnrolment(disk: Disk, folder: string, bmc: string): Promise<Enrolment | undefined> {
	const path = join(folder, enrolmentPath(bmc));
	const text = await disk.read(path);
	return text === undefined ? undefined : parseEnrolment(path, text);
}

export const writeEnrolment = (disk: Disk, folder: string, enrolment: Enrolment): Promise<void> =>
	disk.write(join(folder, enrolmentPath(enrolment.bmc)), `${JSON.stringify(enrolment, null, '\t')}\n`);

export const removeEnrolment = (disk: Disk, folder: string, bmc: string): Promise<void> =>
	disk.remove(join(folder, enrolmentPath(bmc)));
