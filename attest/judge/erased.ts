import { accept, type Outcome, refuse } from '../outcome.ts';
import type { TpmClock } from '../tpm/quote.ts';

/**
 * The PCR that an airlock extends before it starts a tenant's system: until the next reset nothing can take that back. TCG leaves
 * it to operating systems (PC Client PFP, table 1), and firmware, boot loaders and Linux measure nothing into it.
 */
export const LEFT_PCR = 15;

/**
 * Whether the TPM was cleared in this very boot, and no tenant's system has run since: its owner's keys, indices and passwords
 * are then nobody's of before.
 *
 * TPM2_Clear puts both counters to zero (TPM 2.0 Part 3, section 24.6), each reset counts one up and each restart the other,
 * and nothing else changes them. A node's last tenant may clear the TPM as well; but then either the node was reset since, or
 * the PCR tells that its system has run.
 */
export function checkErased(
	{ resetCount, restartCount }: Pick<TpmClock, 'resetCount' | 'restartCount'>,
	pcrs: ReadonlyMap<number, Buffer>,
): Outcome<void> {
	if (resetCount !== 0 || restartCount !== 0)
		return refuse(
			'NotErased',
			`the TPM was reset ${resetCount} and restarted ${restartCount} times since it was cleared: whoever had the node may have left something in it. Boot the airlock, which clears it`,
		);
	const left = pcrs.get(LEFT_PCR);
	if (left?.every(byte => byte === 0)) return accept(undefined);
	return refuse(
		'AirlockLeft',
		`PCR ${LEFT_PCR} has ${left?.toString('hex')}: the airlock has started a system in this boot. Boot the node anew`,
	);
}
