import { z } from 'zod';
import type { Actor } from '../authorize/actor.ts';
import type { ActionName } from '../authorize/table.ts';
import type { MarketDeps } from '../market-deps.ts';
import { look, perform, type ReadVerb, type Verb } from '../perform.ts';

/** One call of the interface: what it takes, who may, and what it does. */
export interface MarketRoute {
	readonly method: 'GET' | 'PUT' | 'POST';
	/** `/leases/{lease}`. */
	readonly path: string;
	readonly action: ActionName;
	readonly summary: string;
	/** All arguments, those of the path among them. */
	readonly args: z.ZodObject;
	readonly answer: z.ZodType;
	run(deps: MarketDeps, args: never, actor: Actor): Promise<unknown>;
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
	/** What comes after the transaction: it may wait and fail. Its result is the answer. */
	readonly after?: (result: R, deps: MarketDeps, args: ArgsOf<P, B>, actor: Actor) => unknown;
}

/** An id or a name, as a path has it. */
const reference = z.string().min(1).max(200);

function describe<P extends string, B extends z.ZodRawShape, R>({ path, body, ...spec }: Spec<P, B, R>) {
	const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, reference] as const);
	const { action, summary, answer } = spec;
	return {
		path,
		action,
		summary,
		answer,
		args: z.strictObject({ ...body, ...Object.fromEntries(named) }),
	};
}

/** A call that only reads. */
export function reads<const P extends string, R, B extends z.ZodRawShape = Record<never, never>>(
	spec: Spec<P, B, R> & { readonly verb: ReadVerb<ArgsOf<P, B>, R> },
): MarketRoute {
	return {
		method: 'GET',
		...describe(spec),
		run: async (deps, args: ArgsOf<P, B>, actor) => {
			const result = await look(deps.store, spec.action, spec.verb, args, deps.world(actor));
			return spec.after ? spec.after(result, deps, args, actor) : result;
		},
	};
}

/** A call that changes something: whoever waits for events looks again. */
export function changes<const P extends string, R, B extends z.ZodRawShape = Record<never, never>>(
	method: 'PUT' | 'POST',
	spec: Spec<P, B, R> & { readonly verb: Verb<ArgsOf<P, B>, R> },
): MarketRoute {
	return {
		method,
		...describe(spec),
		run: async (deps, args: ArgsOf<P, B>, actor) => {
			const result = await perform(deps.store, spec.action, spec.verb, args, deps.world(actor));
			deps.endings.tell('events');
			return spec.after ? spec.after(result, deps, args, actor) : result;
		},
	};
}
