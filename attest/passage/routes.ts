import { z } from 'zod';
import type { Endings } from '../../common/endings.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { attestErrors } from '../errors.ts';
import { type AttestRoute, type RouteDeps, routesOf } from '../http/route.ts';
import { hilName } from '../model/names.ts';
import { showPolicy } from '../verifier/policies.ts';
import { findStandard } from '../verifier/standard.ts';
import { policy as policyView } from '../verifier/views.ts';
import { askedNode } from './asked-node.ts';
import type { NodeAtHil } from './node-at-hil.ts';
import { beginPassage, cancelPassage, listPassages, showPassage } from './passages.ts';
import type { AirlockSettings } from './settings.ts';
import * as views from './views.ts';

export interface PassageDeps extends RouteDeps {
	readonly hil: NodeAtHil;
	readonly settings: AirlockSettings;
	/** Tells of passages that have got on. */
	readonly endings: Endings;
	/** Called when there is something for the mover. */
	readonly wake: () => void;
}

const seconds = (most: number) => z.number().min(0.1).max(most).optional();
const day = 24 * 3600;
const wanted = z.strictObject({
	nic: hilName,
	network: hilName,
	channel: z.string().min(1).max(32).optional(),
});

/** Nodes' ways through the airlock, for those who ask over HTTP. */
export function passageRoutes(deps: PassageDeps): readonly AttestRoute[] {
	const { store, hil, settings, endings, wake } = deps;
	const { reads, changes, calls } = routesOf(deps);
	return [
		reads({
			path: '/passages',
			action: 'passage.list',
			summary: 'Passages of the asker’s projects that are not over; all of them with `all`',
			body: { all: z.stringbool().optional() },
			answer: views.passages,
			verb: async (tx, args, world) => ({ passages: await listPassages(tx, args, world) }),
		}),
		reads({
			path: '/standard/{node}',
			action: 'standard.show',
			summary: 'The site’s own policy, that whoever comes through the airlock is held against as well',
			answer: policyView,
			verb: async (tx, { node }) => {
				const found = await findStandard(tx, { airlock: settings.project, node });
				if (found) return showPolicy(tx, found);
				throw attestErrors.NotThere(
					`The site holds nodes against no policy of its own: project ${settings.project} has neither ${node} nor default.`,
				);
			},
		}),
		calls('POST', {
			path: '/passages',
			action: 'passage.ask',
			summary: 'Bring a node through the airlock into a project, and onto its networks once it is attested',
			body: {
				node: hilName,
				project: hilName,
				networks: z.array(wanted).max(64).default([]),
				attestation: z.enum(['verifier', 'none']).optional(),
				policy: z.string().min(1).max(128).optional(),
				interval: seconds(3600),
				lease: seconds(day),
				within: seconds(day),
				/** Whether it is let in only when it was given what the tenant has released for its admission. */
				payload: z.boolean().optional(),
			},
			answer: views.passage,
			status: 201,
			async work(args, world) {
				const found = await askedNode(hil, settings, args, world.actor).catch(orAway);
				const begun = await store.transact(tx =>
					beginPassage(tx, { ...args, found, airlock: settings.project }, world),
				);
				wake();
				return begun;
			},
		}),
		calls('GET', {
			path: '/passages/{passage}',
			action: 'passage.show',
			summary:
				'How a passage gets on; `wait` (ms) answers when it is of another revision than `seen`, or after so long',
			body: {
				wait: z.coerce.number().int().min(0).max(30_000).optional(),
				seen: z.coerce.number().int().min(0).optional(),
			},
			answer: views.passage,
			async work({ passage, wait = 0, seen }) {
				const show = () => store.read(tx => showPassage(tx, { passage }));
				const now = await show();
				if (wait === 0 || now.revision !== seen || now.endedAt !== null) return now;
				const waiting = endings.wait(passage, wait);
				// It may have got on before anybody waited.
				if ((await show()).revision !== seen) waiting.cancel();
				await waiting.over;
				return show();
			},
		}),
		changes('POST', {
			path: '/passages/{passage}/cancel',
			action: 'passage.cancel',
			summary: 'Have a node go back to where it was, as long as it is not going in',
			answer: views.passage,
			verb: cancelPassage,
		}),
	];
}

/** hil's refusals say what is wrong with what was asked for; that it cannot be asked is another matter. */
function orAway(fault: unknown): never {
	if (fault instanceof BimetalError && fault.code === 'NotFoundError')
		throw attestErrors.NotThere(fault.message);
	if (fault instanceof BimetalError && fault.code in attestErrors) throw fault;
	const why = fault instanceof Error ? fault.message : String(fault);
	throw attestErrors.HilAway(`hil cannot be asked for the node: ${why}`, { cause: fault });
}
