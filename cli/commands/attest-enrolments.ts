import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { keyFingerprint } from '../../attest/certificates/fingerprint.ts';
import { trimDer } from '../../attest/certificates/trim-der.ts';
import { createRegistrarClient } from '../../attest/client.ts';
import { type AttestOptions, attestAccount } from '../attest/attest-connection.ts';
import { withAttestHints } from '../attest/hints.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';
import { dateText, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

async function withRegistrar<R>(
	context: CliContext,
	options: AttestOptions,
	work: (client: ReturnType<typeof createRegistrarClient>) => Promise<R>,
): Promise<R> {
	const client = createRegistrarClient(await attestAccount(context, options));
	try {
		return await withAttestHints(context, () => work(client));
	} finally {
		await client.close();
	}
}

export interface EnrolOptions extends AttestOptions {
	readonly fingerprint?: string;
	readonly ekCertificate?: string;
}

/** `bimetal attest enrol NODE` */
export const enrolNode = (context: CliContext, node: string, options: EnrolOptions): Promise<number> =>
	withRegistrar(context, options, async client => {
		const { fingerprint, ekCertificate } = options;
		if ((fingerprint === undefined) === (ekCertificate === undefined))
			throw usageError('which TPM is it?', '--ek-certificate FILE or --fingerprint SHA256: one of them');
		const known = fingerprint ?? (await certificateFingerprint(context, ekCertificate ?? ''));
		const enrolled = await client.enrol(node, known);
		if (options.json) printJson(context, enrolled);
		else printLine(context, `${visible(node)} is the node with the endorsement key ${enrolled.fingerprint}.`);
		return 0;
	});

async function certificateFingerprint(context: CliContext, file: string): Promise<string> {
	const bytes = await readFile(path.resolve(context.cwd, file)).catch((cause: NodeJS.ErrnoException) => {
		throw usageError(
			`cannot read the certificate file ${file}: ${cause.code ?? 'unreadable'}`,
			'check the name and its permissions',
		);
	});
	// As it is read from a TPM, DER is often padded.
	const der = bytes[0] === 0x30 ? trimDer(bytes, file) : undefined;
	try {
		return keyFingerprint(new X509Certificate(der?.ok ? der.value : bytes).publicKey);
	} catch {
		throw usageError(
			`${file} is no certificate`,
			'the endorsement key’s, in PEM or DER: tpm2_getekcertificate',
		);
	}
}

/** `bimetal attest forget NODE` */
export const forgetNode = (context: CliContext, node: string, options: AttestOptions): Promise<number> =>
	withRegistrar(context, options, async client => {
		const forgotten = await client.forget(node);
		if (options.json) printJson(context, forgotten);
		else printLine(context, `${visible(node)} is no longer enrolled.`);
		return 0;
	});

/** `bimetal attest enrolments` */
export const listEnrolments = (context: CliContext, options: AttestOptions): Promise<number> =>
	withRegistrar(context, options, async client => {
		const enrolments = await client.enrolments();
		if (options.json) printJson(context, { enrolments });
		else
			await printTable(
				context,
				['NODE', 'ENDORSEMENT KEY', 'ENROLLED', 'BY'],
				enrolments.map(({ node, fingerprint, enrolledAt, enrolledBy }) => [
					visible(node),
					fingerprint,
					dateText(new Date(enrolledAt).toISOString()),
					visible(enrolledBy),
				]),
			);
		return 0;
	});
