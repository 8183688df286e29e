import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { z } from 'zod';
import type { ReadTransaction } from '../../common/store/store.ts';
import { blobs } from '../model/blob.ts';
import { records } from '../model/evidence-record.ts';
import { showAdmission } from '../verifier/admissions.ts';
import type { World } from '../world.ts';
import type { head } from './evidence-file.ts';

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
	const found = await tx.list(records, { where: { index: 'admission', equals: of.admission } });
	const needed = new Set(
		found.flatMap(({ document: { keys, policy, bootLog, ima } }) => [keys, policy, bootLog, ima]),
	);
	const lines: object[] = [first];
	for (const digest of needed) {
		const blob = digest === null ? undefined : await tx.get(blobs, digest);
		if (blob) lines.push({ blob: digest, gzip: blob.gzip });
	}
	for (const { document } of found) lines.push({ record: document });
	const text = lines.map(line => `${JSON.stringify(line)}\n`).join('');
	const signature = sign(null, Buffer.from(text), key).toString('base64');
	return `${text}${JSON.stringify({ signature })}\n`;
}
