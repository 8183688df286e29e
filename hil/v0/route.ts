import { z } from 'zod';
import type { Actor } from '../authorize/actor.ts';
import type { ActionName } from '../authorize/table.ts';
import type { HilDeps } from '../hil-deps.ts';
import { reference } from '../model/label.ts';
import { look, perform, type ReadVerb, type Verb } from '../perform.ts';

/** One call of the interface: what it takes, who may, and what it does. */
export interface HilRoute {
	readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';
	/** `/switch/{switch}/port/{port...}`: the dots take slashes as well. */
	readonly path: string;
	readonly action: ActionName;
	readonly summary: string;
	/** All arguments, those of the path among them. */
	readonly args: z.ZodObject;
	/** What is answered; an empty body when absent. */
	readonly answer?: z.ZodType | undefined;
	/** 200 when absent. */
	readonly status?: 200 | 202;
	/** Another party may have to agree first: 202. */
	readonly mayWait?: boolean;
	run(deps: HilDeps, args: never, actor: Actor): Promise<unknown>;
}

/** What is answered with another status than the route's own. */
export class OtherAnswer {
	readonly status: number;
	readonly body: unknown;
	constructor(status: number, body: unknown) {
		this.status = status;
		this.body = body;
	}
}

/** What is answered piece by piece, as text. */
export class TextStream {
	readonly pieces: AsyncIterable<Uint8Array>;
	/** The reader has gone. */
	readonly end: () => void;
	constructor(pieces: AsyncIterable<Uint8Array>, end: () => void) {
		this.pieces = pieces;
		this.end = end;
	}
}

type Named<P extends string> = P extends `${string}{${infer N}}${infer R}`
	? (N extends `${infer Wild}...` ? Wild : N) | Named<R>
	: never;
type ArgsOf<P extends string, B extends z.ZodRawShape> = Record<Named<P>, string> & z.output<z.ZodObject<B>>;

interface Spec<P extends string, B extends z.ZodRawShape, R> {
	readonly path: P;
	readonly action: ActionName;
	readonly summary: string;
	/** Arguments beside the path's. */
	readonly body?: B;
	/** Any further arguments are the verb's to judge. */
	readonly isLoose?: boolean;
	readonly answer?: z.ZodType;
	readonly status?: 200 | 202;
	/** Another party may have to agree first: 202. */
	readonly mayWait?: boolean;
	/** What comes after the transaction: it may wait and fail. Its result is the answer. */
	readonly after?: (result: R, deps: HilDeps, args: ArgsOf<P, B>, actor: Actor) => unknown;
}

function describe<P extends string, B extends z.ZodRawShape, R>(spec: Spec<P, B, R>) {
	const named = [...spec.path.matchAll(/\{(\w+)(?:\.\.\.)?\}/g)].map(
		([, name = '']) => [name, reference] as const,
	);
	const shape = { ...spec.body, ...Object.fromEntries(named) };
	const { path, action, summary, answer, status, mayWait = false } = spec;
	const args = spec.isLoose ? z.looseObject(shape) : z.strictObject(shape);
	return { path, action, summary, answer, ...(status && { status }), mayWait, args };
}

const finish = async <P extends string, B extends z.ZodRawShape, R>(
	{ after }: Spec<P, B, R>,
	result: R,
	deps: HilDeps,
	args: ArgsOf<P, B>,
	actor: Actor,
): Promise<unknown> => (after ? after(result, deps, args, actor) : result);

/** A call that only reads. */
export function reads<const P extends string, R, B extends z.ZodRawShape = Record<never, never>>(
	spec: Spec<P, B, R> & { readonly verb: ReadVerb<ArgsOf<P, B>, R> },
): HilRoute {
	return {
		method: 'GET',
		...describe(spec),
		run: async (deps, args: ArgsOf<P, B>, actor) => {
			const result = await look(deps.store, spec.action, spec.verb, args, deps.world(actor));
			return finish(spec, result, deps, args, actor);
		},
	};
}

/** A call that changes something. `prepare` may wait; it runs only for those who may make the call. */
export function changes<
	const P extends string,
	R,
	B extends z.ZodRawShape = Record<never, never>,
	A extends object = ArgsOf<P, B>,
>(
	method: HilRoute['method'],
	spec: Spec<P, B, R> & {
		readonly verb: Verb<A, R>;
		readonly prepare?: (args: ArgsOf<P, B>) => Promise<A>;
	},
): HilRoute {
	const { prepare } = spec;
	return {
		...describe(spec),
		method,
		run: async (deps, args: ArgsOf<P, B>, actor) => {
			const world = deps.world(actor);
			let wanted = args as unknown as A;
			if (prepare) {
				await look(deps.store, spec.action, async () => undefined, args, world);
				wanted = await prepare(args);
			}
			const result = await perform(deps.store, spec.action, spec.verb, wanted, world);
			return finish(spec, result, deps, args, actor);
		},
	};
}
