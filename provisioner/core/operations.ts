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
	/** What the stage that is under way waits for, where that is somebody's word. */
	readonly note: string | null;
	/** Why it comes, or came, to nothing; and the stage that was under way then. */
	readonly reason: string | null;
	readonly during: string | null;
	/** Goes up with everything that is recorded of it. */
	readonly revision: number;
	/** ISO 8601. */
	readonly askedAt: string;
	readonly endedAt: string | null;
	/** When its node has fetched its configuration, mostly after the end. */
	readonly configuredAt: string | null;
}

const iso = (moment: number): string => new Date(moment).toISOString();

const viewOf = (id: string, document: Operation, now: number): OperationView => {
	const { kind, project, asker, status, image, disk, node, progress, attempts, error, askedAt } = document;
	const { note, revision, configuredAt } = document;
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
		note,
		reason: 'reason' in document ? document.reason : null,
		during: 'during' in document ? document.during : null,
		revision,
		askedAt: iso(askedAt),
		endedAt: 'endedAt' in document ? iso(document.endedAt) : null,
		configuredAt: configuredAt === null ? null : iso(configuredAt),
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
