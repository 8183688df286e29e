import { createHash } from 'node:crypto';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { HASH_SIZES, type HashName } from '../tpm/algorithms.ts';
import type { EventLog } from './event-log.ts';

/** A PC's PCRs 17 to 22 start with ones, for a dynamic launch only (TCG PTP, section 4.6); boot logs have none of them. */
const DYNAMIC = { first: 17, last: 22 };

/**
 * Extends what the log says, from reset on, and compares with what the TPM quoted.
 * @param quoted one bank's values; every PCR that the log measures into must be among them, unless `beside` names it
 * @param beside PCRs that others measure into as well, such as PCR 10: not compared
 */
export function replayEventLog(
	log: EventLog,
	hash: HashName,
	quoted: ReadonlyMap<number, Buffer>,
	beside: ReadonlySet<number> = new Set(),
): Outcome<void> {
	if (quoted.size === 0) return refuse('PolicyEmpty', 'no PCR is compared with the boot log');
	if (!log.banks.includes(hash)) return refuse('Unsupported', `the boot log has no digests of ${hash}`);
	const values = new Map<number, Buffer>();
	for (const { pcr, digests, index } of log.events) {
		const digest = digests[hash];
		if (!digest) return refuse('Malformed', `event ${index} of the boot log has no digest of ${hash}`);
		values.set(pcr, extend(hash, values.get(pcr) ?? atReset(log, hash, pcr), digest));
	}
	for (const pcr of values.keys())
		if (!quoted.has(pcr) && !beside.has(pcr))
			return refuse('SelectionWrong', `the boot log measures into PCR ${pcr}, which the quote does not have`);
	for (const [pcr, value] of quoted) {
		if (beside.has(pcr)) continue;
		const replayed = values.get(pcr) ?? atReset(log, hash, pcr);
		if (!replayed.equals(value))
			return refuse(
				'LogMismatch',
				`the boot log leads to ${replayed.toString('hex')} in PCR ${pcr}, ${value.toString('hex')} is quoted`,
			);
	}
	return accept(undefined);
}

/** PCR extend: H(old ‖ digest). */
const extend = (hash: HashName, old: Buffer, digest: Buffer): Buffer =>
	createHash(hash).update(old).update(digest).digest();

function atReset({ startupLocality }: EventLog, hash: HashName, pcr: number): Buffer {
	const isDynamic = pcr >= DYNAMIC.first && pcr <= DYNAMIC.last;
	const value = Buffer.alloc(HASH_SIZES[hash], isDynamic ? 0xff : 0);
	if (pcr === 0) value[value.length - 1] = startupLocality;
	return value;
}
