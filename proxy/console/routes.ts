import type { Route } from '../../common/http/app.ts';
import { parse } from '../../common/http/parse.ts';
import { operatorRoute } from '../api/operator-route.ts';
import type { Consoles, SeenConsole } from './consoles.ts';
import { type ConsoleView, consoleQuery, endConsoleBody } from './schemas.ts';

/** `/p2c/v1/consoles`: what is open, and the end of it, for the parties that have agreed. */
export function createConsoleRoutes(consoles: Pick<Consoles, 'list' | 'get' | 'end'>): Route[] {
	const id = (params: Record<string, unknown>): string => String(params.id);
	return [
		operatorRoute('GET', '/consoles', async (request, operator) => {
			const { state } = parse(consoleQuery, request.query, 'query');
			return { consoles: (await consoles.list(operator, state)).map(viewConsole) };
		}),
		operatorRoute('GET', '/consoles/:id', async (request, operator) =>
			viewConsole(await consoles.get(id(request.params), operator)),
		),
		operatorRoute('DELETE', '/consoles/:id', async (request, operator) => {
			const { reason } = parse(endConsoleBody, request.body);
			return viewConsole(await consoles.end(id(request.params), operator, reason));
		}),
	];
}

function viewConsole(seen: SeenConsole): ConsoleView {
	const { operations: _operations, recorded: _recorded, openedAt, ended, ...rest } = seen;
	const time = (ms: number): string => new Date(ms).toISOString();
	return {
		...rest,
		openedAt: time(openedAt),
		ended: ended && { ...ended, at: time(ended.at) },
		watch: seen.state === 'open' && seen.kind === 'serial' ? `/p2c/v1/consoles/${seen.id}/watch` : null,
	};
}
