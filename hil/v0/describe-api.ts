import { z } from 'zod';
import { describeApi } from '../../common/http/describe-api.ts';
import { type HilRoute, OtherAnswer, reads } from './route.ts';
import * as views from './views.ts';

/** Statuses that any call can be answered with, besides its own. */
const failures: Readonly<Record<number, string>> = {
	400: 'The arguments do not fit the call',
	401: 'Not logged in, or not allowed',
	404: 'Something that the call names is not there',
	409: 'It is there already, in use, or of another project',
};
const waiting = { 202: { description: 'Another party must agree first', answer: views.waiting } };

/** The routes, and one more that describes them all. */
export function withDescription(prefix: string, routes: readonly HilRoute[]): HilRoute[] {
	const described: HilRoute = reads({
		path: '/openapi.json',
		action: 'api.describe',
		summary: 'This description',
		answer: z.looseObject({ openapi: z.string() }),
		verb: async () => undefined,
		after: (_result, { version, authentication: { schemes } }) => {
			const description =
				prefix === '/v0'
					? "Allocation of nodes and networks: the Hardware Isolation Layer's own interface."
					: 'Allocation of nodes and networks: what goes beyond the interface under /v0.';
			const calls = [...routes, described].map(route => ({
				...route,
				...(route.mayWait && { others: waiting }),
			}));
			const api = { title: 'Bimetal hil', version, description, prefix, calls, failures, schemes };
			return new OtherAnswer(
				200,
				describeApi({ ...api, error: views.error, anyJson: ['value', 'metadata'] }),
			);
		},
	});
	return [...routes, described];
}
