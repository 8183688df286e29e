import { z } from 'zod';
import type { Store } from '../../common/store/store.ts';
import type { Actor } from '../authorize/actor.ts';
import { type ActionName, type Rule, rules } from '../authorize/table.ts';
import { reference } from '../model/names.ts';
import { look, perform, type ReadVerb, type Verb } from '../perform.ts';
import type { World } from '../world.ts';

/** One call of an interface: what it takes, who may, and what it does. */
export interface AttestRoute {
	readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
	/** `/nodes/{node}`. */
	readonly path: string;
	readonly action: ActionName;
	readonly summary: string;
	/** All arguments, those of the path among them. */
	readonly args: z.ZodObject;
	readonly answer: z.ZodType;
	/** 200 when absent. */
	readonly status?: 201 | undefined;
	/** What is answered as text, and not as JSON. */
	readonly type?: string | undefined;
	run(args: never, actor: Actor): Promise<unknown>;
}

export interface RouteDeps {
	readonly store: Store;
	world(actor: Actor): World;
}

type Named<P extends string> = P extends `${string}{${infer N}}${infer R}` ? N | Named<R> : never;
type ArgsOf<P extends string, B extends z.ZodRawShape> = Record<Named<P>, string> & z.output<z.ZodObject<B>>;

interface Spec<P extends string, B extends z.ZodRawShape> {
	readonly path: P;
	readonly action: ActionName;
	readonly summary: string;
	/** Arguments beside the path's. */
	readonly body?: B;
	readonly answer: z.ZodType;
	readonly status?: AttestRoute['status'];
	readonly type?: string;
}

function describe<P extends string, B extends z.ZodRawShape>({ body, ...spec }: Spec<P, B>) {
	const named = [...spec.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, reference] as const);
	const { path, action, summary, answer, status, type } = spec;
	const args = z.strictObject({ ...body, ...Object.fromEntries(named) });
	return { path, action, summary, answer, status, type, args };
}

/** How a service makes its calls. */
export function routesOf({ store, world }: RouteDeps) {
	return {
		/** A call that only reads. */
		reads<const P extends string, R, B extends z.ZodRawShape = Record<never, never>>(
			spec: Spec<P, B> & { readonly verb: ReadVerb<ArgsOf<P, B>, R> },
		): AttestRoute {
			return {
				method: 'GET',
				...describe(spec),
				run: (args: ArgsOf<P, B>, actor) => look(store, spec.action, spec.verb, args, world(actor)),
			};
		},
		/** A call that changes something, in one transaction. */
		changes<const P extends string, R, B extends z.ZodRawShape = Record<never, never>>(
			method: AttestRoute['method'],
			spec: Spec<P, B> & { readonly verb: Verb<ArgsOf<P, B>, R> },
		): AttestRoute {
			return {
				method,
				...describe(spec),
				run: (args: ArgsOf<P, B>, actor) => perform(store, spec.action, spec.verb, args, world(actor)),
			};
		},
		/** A call that does more than one transaction can: it is let pass first, and what it then writes must hold by itself. */
		calls<const P extends string, R, B extends z.ZodRawShape = Record<never, never>>(
			method: AttestRoute['method'],
			spec: Spec<P, B> & { readonly work: (args: ArgsOf<P, B>, world: World) => Promise<R> },
		): AttestRoute {
			return {
				method,
				...describe(spec),
				async run(args: ArgsOf<P, B>, actor) {
					const given = world(actor);
					// Whoever may call whatever it is about is not looked up: agents call a thousand times a second.
					if ((rules[spec.action] as Rule) !== 'anybody')
						await look(store, spec.action, async () => undefined, args, given);
					return spec.work(args, given);
				},
			};
		},
	};
}
