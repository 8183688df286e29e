import { z } from 'zod';
import type { Actor } from '../authorize/actor.ts';
import { type OperationView, showOperation } from '../core/operations.ts';
import type { ProvisionerDeps } from '../provisioner-deps.ts';

/** Milliseconds, at most 30,000, that a call waits for an operation to end. */
export const waitArgument = { wait: z.coerce.number().int().min(0).max(30_000).optional() };

/** The revision that a caller has seen: it waits for the next one, not for the end. */
export const seenArgument = { seen: z.coerce.number().int().min(0).optional() };

/** An operation as it is when it has ended, or is of another revision than `seen`, or when the time is up. */
export async function onceEnded(
	{ endings, store, world, clock }: ProvisionerDeps,
	id: string,
	wait: number | undefined,
	actor: Actor,
	seen?: number,
): Promise<OperationView> {
	const show = () => store.read(tx => showOperation(tx, { operation: id }, world(actor)));
	const isToWait = ({ status, revision }: OperationView): boolean =>
		(status === 'PENDING' || status === 'UNDOING') && (seen === undefined || revision === seen);
	const until = clock.elapsed() + (wait ?? 0);
	for (;;) {
		const left = until - clock.elapsed();
		if (left <= 0) return show();
		const waiting = endings.wait(id, left);
		// It may have happened before anybody waited.
		const now = await show();
		if (!isToWait(now)) {
			waiting.cancel();
			return now;
		}
		await waiting.over;
	}
}
