import type { Transaction } from '../../common/store/store.ts';
import { admissions } from '../model/admission.ts';
import { blobs } from '../model/blob.ts';
import { records } from '../model/evidence-record.ts';
import { policies } from '../model/policy-record.ts';

/** Deletes what is kept under a digest, when no record, admission or policy refers to it any more. */
export async function forgetUnused(tx: Transaction, digest: string): Promise<void> {
	const counts = [
		await tx.count(records, { index: 'blob', equals: digest }),
		await tx.count(admissions, { index: 'policy', equals: digest }),
		await tx.count(policies, { index: 'digest', equals: digest }),
	];
	if (counts.every(count => count === 0)) await tx.delete(blobs, digest);
}
