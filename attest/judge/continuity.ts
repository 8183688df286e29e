import { createHash } from 'node:crypto';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { HASH_IDS, type HashName } from '../tpm/algorithms.ts';
import type { PublicArea } from '../tpm/public-area.ts';
import type { Quote } from '../tpm/quote.ts';
import type { Baseline } from './baseline.ts';

/** TPM_RH_ENDORSEMENT, whose qualified name is its handle (TPM 2.0 Part 1, section 26.5). */
const ENDORSEMENT = Buffer.from('4000000b', 'hex');

/** The qualified name of a key that was made below the endorsement key: nameAlg ‖ H(qualified name of the parent ‖ name). */
export const qualifiedName = (ek: PublicArea, ak: PublicArea): Buffer =>
	below(ak.nameAlg, below(ek.nameAlg, ENDORSEMENT, ek.name), ak.name);

function below(hash: HashName, parent: Buffer, name: Buffer): Buffer {
	const id = Buffer.alloc(2);
	id.writeUInt16BE(HASH_IDS[hash]);
	return Buffer.concat([id, createHash(hash).update(parent).update(name).digest()]);
}

/**
 * Whether a quote goes on from the one before: the same key, the same boot, later.
 *
 * Both counters must stay the same. A reset (another resetCount) is another boot; so is a TPM Restart (another
 * restartCount): a system that orders its TPM to save its state and then reboots gets new PCRs without a reset.
 * Within one boot the clock only rises. After a power cut it is not safe for seconds (or, with some TPMs, an hour), which
 * speaks of earlier boots only; but once it is safe, it stays so.
 */
export function checkContinuity(
	quote: Quote,
	expectedSigner: Buffer,
	before: Baseline | undefined,
): Outcome<void> {
	if (!quote.signer.equals(expectedSigner))
		return refuse(
			'SignerWrong',
			`the quote is signed by ${quote.signer.toString('hex')}; below the endorsement key it would be ${expectedSigner.toString('hex')}`,
		);
	const { clock, resetCount, restartCount, safe } = quote.clock;
	if (!before) return accept(undefined);
	if (resetCount !== before.resetCount || restartCount !== before.restartCount)
		return refuse(
			'Rebooted',
			`the TPM was reset ${resetCount} and restarted ${restartCount} times, ${before.resetCount} and ${before.restartCount} when the node was admitted`,
		);
	const fell = before.safe && !safe;
	if (fell || clock <= BigInt(before.clock))
		return refuse(
			'ClockWrong',
			`the TPM’s clock shows ${clock} ms${fell ? ', which it no longer vouches for' : ''}; ${before.clock} ms were shown before`,
		);
	return accept(undefined);
}
