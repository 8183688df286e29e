import type { JsonObject } from './json.ts';
import { notFound, type Outcome } from './outcome.ts';
import { LOGIN, type Requirement } from './privileges.ts';
import type { Call, Route } from './route-table.ts';

export interface ResourceOptions {
	readonly requirement?: Requirement;
	/** The schema that the `Link` header names; such a resource also answers HEAD, as bmcweb's do. */
	readonly schema?: string | readonly string[];
	/** The resource's type in a ResourceNotFound message. */
	readonly type?: string;
	readonly volatile?: boolean;
	readonly unannounced?: boolean;
	readonly outside?: boolean;
	/** HEAD without a schema. */
	readonly head?: boolean;
}

/** The routes that read one resource; `read` gives undefined where there is none. */
export function resource(
	pattern: string,
	read: (call: Call) => JsonObject | undefined,
	options: ResourceOptions = {},
): Route[] {
	const handle = (call: Call): Outcome => {
		const body = read(call);
		return body
			? { status: 200, body }
			: notFound(options.type ?? [options.schema ?? ''].flat().join(), call.params.at(-1) ?? '');
	};
	const route: Route = {
		method: 'GET',
		pattern,
		requirement: options.requirement ?? LOGIN,
		handle,
		schema: options.schema,
		volatile: options.volatile ?? false,
		unannounced: options.unannounced ?? false,
		outside: options.outside ?? false,
	};
	return options.schema || options.head ? [route, { ...route, method: 'HEAD' }] : [route];
}

/** A route that does something: an action, a change, a deletion. */
export function act(
	method: 'POST' | 'PATCH' | 'DELETE',
	pattern: string,
	requirement: Requirement,
	handle: (call: Call) => Outcome | Promise<Outcome>,
	options: { readonly schema?: string | readonly string[]; readonly outside?: boolean } = {},
): Route {
	return { method, pattern, requirement, handle, schema: options.schema, outside: options.outside ?? false };
}
