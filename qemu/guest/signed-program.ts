import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runTool } from './tools.ts';

/** Files in PEM; the key, RSA, is not encrypted. */
export interface ProgramSigner {
	readonly key: string;
	/** What firmware has to have among its authorities (the variable `db`), or one that leads there. */
	readonly certificate: string;
}

/**
 * An EFI program with a signature that firmware with Secure Boot asks for (Authenticode; sbsign(1)). What firmware measures of
 * the program stays the same. `folder`: for files on the way. Throws PartMissing; GuestNotBuilt with the program's own words.
 */
export async function signProgram(folder: string, program: Buffer, signer: ProgramSigner): Promise<Buffer> {
	const work = await mkdtemp(path.join(folder, 'signed-'));
	try {
		await writeFile(path.join(work, 'unsigned.efi'), program);
		const by = ['--key', path.resolve(signer.key), '--cert', path.resolve(signer.certificate)];
		await runTool(work, 'sbsign', ...by, '--output', 'signed.efi', 'unsigned.efi');
		return await readFile(path.join(work, 'signed.efi'));
	} finally {
		await rm(work, { recursive: true });
	}
}
