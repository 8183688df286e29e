import type { JsonValue, ReviewView } from '../../proxy/client.ts';
import type { CliContext } from '../context.ts';
import { printLine, printTable, short } from '../output.ts';
import { visible } from '../visible.ts';
import { printRequest } from './request-text.ts';

/** Everything that an approver must see before saying yes: the request, and what it meets at this moment. */
export async function printReview(context: CliContext, review: ReviewView): Promise<void> {
	const { request, resource, changes, upload, policies, ifApproved } = review;
	const more: [string, string][] = [];
	if (upload) {
		const name = upload.fileName === null ? '' : `${upload.fileName}, `;
		more.push(['image', `${visible(`${name}${upload.size} bytes`)}\nSHA-256 ${visible(upload.sha256)}`]);
		more.push(['parameters', visible(JSON.stringify(upload.parameters))]);
	}
	if (resource) {
		const shown =
			resource.reason === null ? summary(resource.body) : `not shown: ${visible(resource.reason)}`;
		more.push(['target now', `${visible(resource.path)}${shown ? `\n${shown}` : ''}`]);
	}
	if (ifApproved)
		more.push(['your approval', `${effectOf(review, ifApproved.outcome)} ${visible(ifApproved.detail)}`]);
	printRequest(context, { ...request, policies }, more);
	if (!changes) return;
	printLine(context);
	const isSeen = resource !== null && resource.reason === null;
	await printTable(
		context,
		['PROPERTY', 'NOW', 'THEN'],
		changes.map(({ property, before, after }) => [
			visible(property),
			before === undefined ? (isSeen ? '(none)' : '(not shown)') : cell(before),
			cell(after),
		]),
	);
}

const effects = {
	execute: 'executes it at once,',
	wait: 'leaves it waiting',
	deny: 'would let it be denied:',
} as const;

/** A console is opened by whoever asked for it, and only then: no approval opens one. */
function effectOf({ request }: ReviewView, outcome: keyof typeof effects): string {
	if (outcome !== 'execute' || request.method !== 'WEBSOCKET') return effects[outcome];
	return `lets ${visible(request.requester.name)} open it, once,`;
}

const cell = (value: JsonValue): string => short(JSON.stringify(value), 48);

/** The plain properties of a resource, as many as one takes in at a glance. */
function summary(resource: JsonValue): string {
	if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) return '';
	return Object.entries(resource)
		.filter(([name, value]) => /^[A-Z]/.test(name) && typeof value !== 'object' && !dull.has(name))
		.slice(0, 6)
		.map(([name, value]) => `${visible(name)} ${short(String(value), 40)}`)
		.join(', ');
}

const dull = new Set(['Id', 'Name', 'Description', 'UUID']);
