import { z } from 'zod';
import { listOperations, showOperation } from '../core/operations.ts';
import { onceEnded, seenArgument, waitArgument } from './await-operation.ts';
import { changes, type ProvisionerRoute, reads } from './route.ts';
import * as views from './views.ts';

export const operationRoutes = (): readonly ProvisionerRoute[] => [
	reads({
		path: '/operations',
		action: 'operation.list',
		summary: "What is under way in the asker's projects; with `all`, what has ended as well",
		body: { all: z.enum(['true', 'false']).optional() },
		answer: views.operations,
		verb: async (tx, args, world) => ({ operations: await listOperations(tx, args, world) }),
	}),
	reads({
		path: '/operations/{operation}',
		action: 'operation.show',
		summary:
			'An operation with its stages and their times; `wait` answers when it has ended, with `seen` when its `revision` is another',
		body: { ...waitArgument, ...seenArgument },
		answer: views.operation,
		verb: showOperation,
		after: (_view, deps, { operation, wait, seen }, actor) => onceEnded(deps, operation, wait, actor, seen),
	}),
	changes('POST', {
		path: '/operations/{operation}/cancel',
		action: 'operation.cancel',
		summary: 'End an operation: what it did is undone. One that has ended stays as it is',
		answer: views.operation,
		verb: showOperation,
		after: async (_view, deps, { operation }, actor) => {
			await deps.runner.cancel(operation, `${actor.name} has cancelled it`);
			return onceEnded(deps, operation, undefined, actor);
		},
	}),
];
