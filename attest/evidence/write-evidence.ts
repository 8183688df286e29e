import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { z } from 'zod';
import type { ReadTransaction } from '../../common/store/store.ts';
import { findGzipped } from '../model/blob.ts';
import { type EvidenceRecord, listRecords } from '../model/evidence-record.ts';
import { showAdmission } from '../verifier/admissions.ts';
import type { World } from '../world.ts';
import type { head } from './evidence-file.ts';

const atOnce = 500;

/** Everything that is kept of an admission, as one file that others can verify (evidence-file.ts). */
export async function writeEvidence(
	tx: ReadTransaction,
	of: { readonly admission: string },
	world: World,
	key: KeyObject,
): Promise<string> {
	const admission = { ...(await showAdmission(tx, of, world)) };
	const first: z.input<typeof head> = {
		bimetal: 'evidence',
		version: 1,
		exportedAt: world.now,
		key: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
		admission,
	};
	const found = await allRecords(tx, of.admission);
	const needed = new Set(
		found.flatMap(({ keys, policy, bootLog, ima, standard }) => [
			...[keys, policy, bootLog, ima],
			standard?.policy ?? null,
		]),
	);
	const lines: object[] = [first];
	for (const digest of needed) {
		const gzip = digest === null ? undefined : await findGzipped(tx, digest);
		if (gzip !== undefined) lines.push({ blob: digest, gzip });
	}
	for (const record of found) lines.push({ record });
	const text = lines.map(line => `${JSON.stringify(line)}\n`).join('');
	const signature = sign(null, Buffer.from(text), key).toString('base64');
	return `${text}${JSON.stringify({ signature })}\n`;
}

async function allRecords(tx: ReadTransaction, admission: string): Promise<EvidenceRecord[]> {
	const all: EvidenceRecord[] = [];
	for (let from = 0; ; ) {
		const page = await listRecords(tx, admission, { from, limit: atOnce });
		const last = page.at(-1);
		if (!last) return all;
		for (const { document } of page) all.push(document);
		from = last.document.number + 1;
	}
}
