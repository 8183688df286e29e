import type { HilDeps } from '../../hil-deps.ts';

/** An action was queued: its worker is told, the caller gets its id. */
export const queued = ({ id, switch: label }: { id: string; switch: string }, { workers }: HilDeps) => {
	workers.wake(label);
	return { status_id: id };
};
