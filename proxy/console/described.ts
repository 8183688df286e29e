import type { Described } from '../api/described.ts';
import { consoleList, consoleQuery, consoleView, endConsoleBody } from './schemas.ts';

/** For the description of the management API; watching is a WebSocket, which OpenAPI cannot describe. */
export const consolesDescribed: readonly Described[] = [
	{
		method: 'get',
		path: '/p2c/v1/consoles',
		summary: 'Console sessions that the asking party has agreed to, open and ended',
		query: consoleQuery,
		answer: consoleList,
	},
	{
		method: 'get',
		path: '/p2c/v1/consoles/{id}',
		summary: 'One console session; `watch` is the path of a WebSocket that shows it live',
		answer: consoleView,
		errors: { 404: 'No such session' },
	},
	{
		method: 'delete',
		path: '/p2c/v1/consoles/{id}',
		summary: 'End a console session at once, with a reason that its operator is shown',
		body: endConsoleBody,
		answer: consoleView,
		errors: { 404: 'No such session', 409: 'It has ended already' },
	},
];
