import { z } from 'zod';
import type { Transaction } from '../../common/store/store.ts';
import type { Actor } from '../authorize/actor.ts';
import type { ActionName } from '../authorize/table.ts';
import type { World } from '../core/world.ts';
import { reference } from '../model/names.ts';
import { begin, type Wanted } from '../operation/journal.ts';
import { look, perform, type ReadVerb, type Verb } from '../perform.ts';
import type { ProvisionerDeps } from '../provisioner-deps.ts';
import { onceEnded, waitArgument } from './await-operation.ts';
import { operation as operationView } from './views.ts';

/** One call of the interface: what it takes, who may, and what it does. */
export interface ProvisionerRoute {
	readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';
	/** `/disks/{disk}`. */
	readonly path: string;
	readonly action: ActionName;
	readonly summary: string;
	/** All arguments, those of the path among them. */
	readonly args: z.ZodObject;
	readonly answer: z.ZodType;
	/** 200 when absent. */
	readonly status?: 201 | 202 | undefined;
	run(deps: ProvisionerDeps, args: never, actor: Actor): Promise<unknown>;
}

type Named<P extends string> = P extends `${string}{${infer N}}${infer R}` ? N | Named<R> : never;
type ArgsOf<P extends string, B extends z.ZodRawShape> = Record<Named<P>, string> & z.output<z.ZodObject<B>>;

interface Spec<P extends string, B extends z.ZodRawShape, R> {
	readonly path: P;
	readonly action: ActionName;
	readonly summary: string;
	/** Arguments beside the path's. */
	readonly body?: B;
	readonly answer: z.ZodType;
	readonly status?: ProvisionerRoute['status'];
	/** What comes after the transaction: it may wait and fail. Its result is the answer. */
	readonly after?: (result: R, deps: ProvisionerDeps, args: ArgsOf<P, B>, actor: Actor) => unknown;
}

function describe<P extends string, B extends z.ZodRawShape, R>({ path, body, ...spec }: Spec<P, B, R>) {
	const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, reference] as const);
	const { action, summary, answer, status } = spec;
	return {
		path,
		action,
		summary,
		answer,
		status,
		args: z.strictObject({ ...body, ...Object.fromEntries(named) }),
	};
}

/** A call that only reads. */
export function reads<const P extends string, R, B extends z.ZodRawShape = Record<never, never>>(
	spec: Spec<P, B, R> & { readonly verb: ReadVerb<ArgsOf<P, B>, R> },
): ProvisionerRoute {
	return {
		method: 'GET',
		...describe(spec),
		run: async (deps, args: ArgsOf<P, B>, actor) => {
			const result = await look(deps.store, spec.action, spec.verb, args, deps.world(actor));
			return spec.after ? spec.after(result, deps, args, actor) : result;
		},
	};
}

/** A call that changes something. */
export function changes<const P extends string, R, B extends z.ZodRawShape = Record<never, never>>(
	method: ProvisionerRoute['method'],
	spec: Spec<P, B, R> & { readonly verb: Verb<ArgsOf<P, B>, R> },
): ProvisionerRoute {
	return {
		method,
		...describe(spec),
		run: async (deps, args: ArgsOf<P, B>, actor) => {
			const result = await perform(deps.store, spec.action, spec.verb, args, deps.world(actor));
			return spec.after ? spec.after(result, deps, args, actor) : result;
		},
	};
}

/** Journals an operation in the transaction of the call; its id. */
export type Ask = (wanted: Omit<Wanted, 'asker'>) => Promise<string>;

/**
 * A call that begins an operation, in the same transaction as what its verb records. Answered at once (202), or with
 * `wait` when the operation has ended or after so many milliseconds.
 */
export function begins<const P extends string, B extends z.ZodRawShape = Record<never, never>, W = undefined>(
	method: ProvisionerRoute['method'],
	spec: Omit<Spec<P, B, string>, 'answer' | 'status' | 'after'> & {
		/** What is asked of others before the transaction, for those who may make the call. */
		readonly prepare?: (deps: ProvisionerDeps, args: ArgsOf<P, B>) => Promise<W>;
		readonly verb: (
			tx: Transaction,
			args: ArgsOf<P, B>,
			world: World,
			ask: Ask,
			prepared: W,
		) => Promise<string>;
	},
): ProvisionerRoute {
	const body = { ...(spec.body as B), ...waitArgument };
	return {
		method,
		...describe({ ...spec, body, answer: operationView, status: 202 }),
		run: async (deps, { wait, ...args }: ArgsOf<P, B> & { readonly wait?: number }, actor) => {
			const world = deps.world(actor);
			const { now, newId } = world;
			let prepared = undefined as W;
			if (spec.prepare) {
				const given = args as unknown as ArgsOf<P, B>;
				await look(deps.store, spec.action, async () => undefined, given, world);
				prepared = await spec.prepare(deps, given);
			}
			const verb = (tx: Transaction, given: ArgsOf<P, B>): Promise<string> =>
				spec.verb(
					tx,
					given,
					world,
					wanted => {
						const firstStage = deps.kinds[wanted.kind]?.stages[0]?.name;
						if (firstStage === undefined) throw new Error(`no operation is of kind ${wanted.kind}`);
						return begin(tx, { ...wanted, asker: actor.name }, { newId, now, firstStage });
					},
					prepared,
				);
			const id = await perform(deps.store, spec.action, verb, args as unknown as ArgsOf<P, B>, world);
			deps.runner.wake(id);
			return onceEnded(deps, id, wait, actor);
		},
	};
}
