// The agent's own program, as a node runs it, with a TPM that we did not write.
import { execFile } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EK, type SoftwareTpm } from '../tpm/software-tpm.fixture.ts';

const program = fileURLToPath(new URL('open-payload', import.meta.url));

export interface OpenedPayload {
	readonly code: number;
	readonly out: Buffer;
	readonly err: string;
}

/**
 * Opens what the verifier has answered, with the TPM's endorsement key on P-384 and its attestation key `ak.ctx`, unless others are named.
 */
export async function openPayload(
	tpm: SoftwareTpm,
	body: Readonly<Record<string, unknown>>,
	{
		key,
		node = 'n1',
		shell = 'sh',
		ek = EK.ecc,
		ak = 'ak.ctx',
	}: { key: KeyObject; node?: string; shell?: string; ek?: string; ak?: string },
): Promise<OpenedPayload> {
	const folder = await mkdtemp(path.join(tpm.folder, 'payload-'));
	for (const name of ['payloadT', 'payloadU', 'payloadV', 'payload'])
		await writeFile(path.join(folder, name), String(body[name]), { mode: 0o600 });
	const pem = path.join(folder, 'node.pem');
	await writeFile(pem, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
	const opened = await new Promise<OpenedPayload>(resolve => {
		execFile(
			shell,
			[program, pem, ek, ak, String(body.admission), node, folder],
			{
				...{ cwd: tpm.folder, env: tpm.env, encoding: 'buffer' },
				...{ timeout: 60_000, maxBuffer: 1024 * 1024 },
			},
			(fault, out, err) => resolve({ code: fault ? 1 : 0, out, err: err.toString() }),
		);
	});
	// There is no resource manager that would take away what it has loaded.
	await tpm.tool('tpm2_flushcontext', '-t');
	await rm(folder, { recursive: true });
	return opened;
}
