import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import path from 'node:path';
import { readCertificates } from '../../attest/certificates/read-certificates.ts';
import { readNamedFile } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';

/** Whose endorsement keys count, of the PEM files that `--roots` names. */
export function endorsementTrust({ cwd }: CliContext, files: readonly string[]) {
	const certificates = files.flatMap(file => readCertificates(path.resolve(cwd, file)));
	return {
		roots: certificates.filter(isSelfIssued),
		intermediates: certificates.filter(one => !isSelfIssued(one)),
	};
}

/** A root; what others have issued may stand in between, and is trusted through a root only. */
function isSelfIssued(der: Uint8Array): boolean {
	const certificate = new X509Certificate(der);
	return certificate.checkIssued(certificate);
}

/** What a verifier must have signed evidence with. */
export async function verifierKey(context: CliContext, file: string): Promise<KeyObject> {
	try {
		return createPublicKey(await readNamedFile(context, file, 'public key'));
	} catch (cause) {
		if (cause instanceof Error && 'tryNext' in cause) throw cause;
		throw usageError(`${file} is no public key in PEM`, 'what GET /verifier/v1/key of the verifier shows');
	}
}
