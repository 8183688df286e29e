import type { Account } from './accounts.ts';
import type { Stream } from './answer.ts';
import type { ImageReader } from './image-form.ts';
import type { JsonObject } from './json.ts';
import type { Outcome } from './outcome.ts';
import type { Requirement } from './privileges.ts';
import type { Read, Shape, Values } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import type { Session } from './sessions.ts';
import type { Target } from './target.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE' | 'PUT';

/** One request on its way to a handler. */
export interface Call {
	readonly head: RequestHead;
	readonly target: Target;
	/** What the pattern's `{}` segments matched, in order. */
	readonly params: readonly string[];
	readonly account: Account | undefined;
	readonly session: Session | undefined;
	readonly remoteAddress: string;
	/** The parsed body. */
	json(): Read<JsonObject>;
	/** The parsed body, every property of it checked against a shape. */
	values(shape: Shape, required?: readonly string[]): Read<Values>;
	readonly body: Buffer;
	/** What took the body as it came; `body` is then empty. */
	readonly upload?: ImageReader | undefined;
	/** The resource at another path as this caller may read it. */
	read(path: string): JsonObject | undefined;
}

export interface Route {
	readonly method: Method;
	/** Segments; `{}` matches any one segment. */
	readonly pattern: string;
	readonly requirement: Requirement;
	readonly handle: (call: Call) => Outcome | Promise<Outcome>;
	/** Schema, or file of one, named in the `Link` header; bmcweb names two for some resources. */
	readonly schema?: string | readonly string[] | undefined;
	/** The answer depends on the time or changes when read: it is rendered anew for every request. */
	readonly volatile?: boolean;
	/** Without `OData-Version` and query parameters: what stands outside the Redfish tree proper. */
	readonly outside?: boolean;
	/** Without `Allow` too: bmcweb's answer for the Manager. */
	readonly unannounced?: boolean;
	readonly stream?: (call: Call) => Stream;
}

export interface Match {
	readonly route: Route | undefined;
	readonly params: readonly string[];
	/** Methods that the path takes, sorted; empty: the path is unknown. */
	readonly allow: readonly string[];
}

/** Finds routes by their number of segments, then segment by segment; fixed segments win over `{}`. */
export function createRouteTable(routes: readonly Route[]): { find(method: string, path: string): Match } {
	const bySize = new Map<number, { segments: readonly string[]; wild: number; route: Route }[]>();
	for (const route of routes) {
		const segments = split(route.pattern);
		const wild = segments.filter(segment => segment === '{}').length;
		const list = bySize.get(segments.length) ?? [];
		if (list.some(other => other.route.method === route.method && other.route.pattern === route.pattern)) {
			throw new Error(`two routes for ${route.method} ${route.pattern}`);
		}
		list.push({ segments, wild, route });
		list.sort((a, b) => a.wild - b.wild);
		bySize.set(segments.length, list);
	}
	return {
		find(method, path) {
			const segments = split(path);
			const matches = (bySize.get(segments.length) ?? []).filter(entry =>
				entry.segments.every((segment, index) =>
					segment === '{}' ? segments[index] !== '' : segment === segments[index],
				),
			);
			const chosen = matches.find(entry => entry.route.method === method);
			const params = chosen?.segments.flatMap((segment, index) =>
				segment === '{}' ? [segments[index] ?? ''] : [],
			);
			return {
				route: chosen?.route,
				params: params ?? [],
				allow: [...new Set(matches.map(entry => entry.route.method))].sort(),
			};
		},
	};
}

function split(path: string): string[] {
	return (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path).split('/').slice(1);
}
