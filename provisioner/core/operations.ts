import type { ReadTransaction } from '../../common/store/store.ts';
import { provisionerErrors } from '../errors.ts';
import { type Operation, operations } from '../model/operation.ts';
import type { World } from './world.ts';

export interface OperationView {
	readonly id: string;
	readonly kind: string;
	readonly project: string;
	readonly asker: string;
	readonly status: Operation['status'];
	readonly image: string | null;
	readonly disk: string | null;
	readonly node: string | null;
	/** Each that was begun, with its milliseconds so far. */
	readonly stages: readonly { readonly name: string; readonly ms: number; readonly isOver: boolean }[];
	readonly progress: Operation['progress'];
	readonly attempts: number;
	/** What went wrong last, while it is tried again. */
	readonly error: string | null;
	/** Why it comes, or came, to nothing. */
	readonly reason: string | null;
	/** ISO 8601. */
	readonly askedAt: string;
	readonly endedAt: string | null;
}

const viewOf = (id: string, document: Operation, now: number): OperationView => {
	const { kind, project, asker, status, image, disk, node, progress, attempts, error, askedAt } = document;
	return {
		id,
		kind,
		project,
		asker,
		status,
		image,
		disk,
		node,
		stages: document.stages.map(({ name, beganAt, endedAt }) => ({
			name,
			ms: Math.max(0, (endedAt ?? now) - beganAt),
			isOver: endedAt !== null,
		})),
		progress,
		attempts,
		error,
		reason: 'reason' in document ? document.reason : null,
		askedAt: new Date(askedAt).toISOString(),
		endedAt: 'endedAt' in document ? new Date(document.endedAt).toISOString() : null,
	};
};

export async function showOperation(
	tx: ReadTransaction,
	{ operation }: { readonly operation: string },
	{ now }: Pick<World, 'now'>,
): Promise<OperationView> {
	const found = await tx.get(operations, operation);
	if (!found) throw provisionerErrors.NotThere(`There is no operation ${operation}.`);
	return viewOf(operation, found, now);
}

/** Those that have not ended, or all, of the actor's projects; the newest first. */
export async function listOperations(
	tx: ReadTransaction,
	{ all = 'false' }: { readonly all?: 'true' | 'false' | undefined },
	{ actor, now }: World,
): Promise<OperationView[]> {
	const isMine = ({ project }: Operation): boolean => actor.isAdmin || actor.projects.has(project);
	const found = await tx.list(operations, all === 'true' ? {} : { where: { index: 'open', equals: 'yes' } });
	return found
		.filter(({ document }) => isMine(document))
		.sort((a, b) => b.document.askedAt - a.document.askedAt)
		.map(({ id, document }) => viewOf(id, document, now));
}
