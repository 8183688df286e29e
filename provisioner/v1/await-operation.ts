import { z } from 'zod';
import type { Actor } from '../authorize/actor.ts';
import { type OperationView, showOperation } from '../core/operations.ts';
import type { ProvisionerDeps } from '../provisioner-deps.ts';

/** Milliseconds, at most 30,000, that a call waits for an operation to end. */
export const waitArgument = { wait: z.coerce.number().int().min(0).max(30_000).optional() };

/** An operation as it is when it has ended, or when the time is up. */
export async function onceEnded(
	{ endings, store, world, clock }: ProvisionerDeps,
	id: string,
	wait: number | undefined,
	actor: Actor,
): Promise<OperationView> {
	const show = () => store.read(tx => showOperation(tx, { operation: id }, world(actor)));
	const isOpen = ({ status }: OperationView): boolean => status === 'PENDING' || status === 'UNDOING';
	const until = clock.elapsed() + (wait ?? 0);
	for (;;) {
		const left = until - clock.elapsed();
		if (left <= 0) return show();
		const waiting = endings.wait(id, left);
		// It may have ended before anybody waited.
		const now = await show();
		if (!isOpen(now)) {
			waiting.cancel();
			return now;
		}
		await waiting.over;
	}
}
