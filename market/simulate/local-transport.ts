import type { z } from 'zod';
import { parse } from '../../common/http/parse.ts';
import type { Actor } from '../authorize/actor.ts';
import type { MarketTransport } from '../client/transport.ts';
import type { MarketDeps } from '../market-deps.ts';
import { marketRoutes } from '../v1/routes.ts';

type Route = ReturnType<typeof marketRoutes>[number];

/**
 * Calls a market in this process as its clients call it over HTTP: the same routes, arguments, rights and answers. Only the
 * network is left out, and with it that answers are read again as text.
 */
export function createLocalTransport(deps: MarketDeps, actor: Actor): MarketTransport {
	const found = routeFinder(marketRoutes());
	return {
		async call<S extends z.ZodType>(_schema: S, method: string, path: string, body: object = {}) {
			const url = new URL(path, 'http://market');
			const { route, named } = found(method, url.pathname);
			const given = method === 'GET' ? Object.fromEntries(url.searchParams) : body;
			const args = parse(route.args, { ...given, ...named }, 'arguments');
			return (await route.run(deps, args as never, actor)) as z.output<S>;
		},
		close: async () => undefined,
	};
}

function routeFinder(routes: readonly Route[]) {
	const patterns = routes.map(route => ({ route, parts: `/v1${route.path}`.split('/') }));
	return (method: string, pathname: string) => {
		const asked = pathname.split('/');
		for (const { route, parts } of patterns) {
			if (route.method !== method || parts.length !== asked.length) continue;
			const named: Record<string, string> = {};
			const fits = parts.every((part, n) => {
				const is = asked[n] ?? '';
				if (!part.startsWith('{')) return part === is;
				named[part.slice(1, -1)] = decodeURIComponent(is);
				return true;
			});
			if (fits) return { route, named };
		}
		throw new RangeError(`the market has no call ${method} ${pathname}`);
	};
}
