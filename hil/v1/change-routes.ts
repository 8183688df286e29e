import { z } from 'zod';
import { makeChange, type Taken } from '../core/changes.ts';
import { showChange } from '../core/undo.ts';
import type { HilDeps } from '../hil-deps.ts';
import { changeStep } from '../model/change.ts';
import { perform } from '../perform.ts';
import { changes, type HilRoute, reads } from '../v0/route.ts';
import { onceEnded, waitFor } from './await-ending.ts';
import * as views from './views.ts';

/** Carries out what a dry run wants to see, and leaves nothing of it. */
class OnlyTried extends Error {
	readonly taken: Taken;
	constructor(taken: Taken) {
		super('only tried');
		this.taken = taken;
	}
}

const mostSteps = 500;

/** Several steps, all or none. */
export const changeRoutes = (): readonly HilRoute[] => [
	{
		...changes('POST', {
			path: '/changes',
			action: 'change.make',
			summary: 'Take several steps, all or none; `dry_run` tells what would change and changes nothing',
			body: { steps: z.array(changeStep).min(1).max(mostSteps), dry_run: z.boolean().optional() },
			answer: views.change,
			verb: makeChange,
		}),
		run: async (deps, args: ChangeArguments, actor) => {
			const world = deps.world(actor);
			if (args.dry_run) return tryOut(deps, args, world);
			const { id, ports, queued } = await perform(deps.store, 'change.make', makeChange, args, world);
			const actions = queued.map(each => each.id);
			if (id !== null) deps.changes.begun(id, actions);
			for (const label of new Set(queued.map(each => each.switch))) deps.workers.wake(label);
			if (args.steps.some(step => step.do === 'detach_node')) deps.wakeMaintenance();
			return { dry_run: false, id, ports, actions };
		},
	},
	reads({
		path: '/change/{id}',
		action: 'change.show',
		summary:
			'What became of a change: DONE, or UNDONE because a switch refused a part; ERROR says what could not be put back; `wait` as of an action',
		body: { wait: waitFor },
		answer: views.changeState,
		verb: showChange,
		after: (view, deps, { id, wait }) => onceEnded(deps, id, wait, view, tx => showChange(tx, { id })),
	}),
];

interface ChangeArguments {
	readonly steps: Parameters<typeof makeChange>[1]['steps'];
	readonly dry_run?: boolean | undefined;
}

async function tryOut(
	deps: HilDeps,
	args: ChangeArguments,
	world: ReturnType<HilDeps['world']>,
): Promise<unknown> {
	const verb = async (...called: Parameters<typeof makeChange>): Promise<never> => {
		throw new OnlyTried(await makeChange(...called));
	};
	try {
		return await perform(deps.store, 'change.make', verb, args, world);
	} catch (thrown) {
		if (thrown instanceof OnlyTried)
			return { dry_run: true, id: null, ports: thrown.taken.ports, actions: [] };
		throw thrown;
	}
}
