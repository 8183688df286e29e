import { STATUS_CODES } from 'node:http';
import type { RequestView } from '../../proxy/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { painter, printFields, printLine, relativeTime, type Style } from '../output.ts';
import { listProfiles, loadProfile } from '../profile.ts';
import { visible, visibleJson } from '../visible.ts';

export const stateStyle: Readonly<Record<RequestView['state'], Style>> = {
	waiting: 'yellow',
	approved: 'cyan',
	executing: 'cyan',
	executed: 'green',
	denied: 'red',
	withdrawn: 'dim',
	expired: 'dim',
	failed: 'red',
	unknown: 'red',
};

/** `POST /redfish/v1/…?a=b`, as it would be executed. */
export function callText(view: Pick<RequestView, 'method' | 'path' | 'query'>): string {
	const query = view.query.map(([name, value]) => `${name}=${value}`).join('&');
	return visible(`${view.method} ${view.path}${query ? `?${query}` : ''}`);
}

/** Everything that an approver must see before saying yes. */
export function printRequest(
	context: CliContext,
	view: RequestView,
	more: readonly (readonly [label: string, value: string])[] = [],
): void {
	const paint = painter(context);
	const now = context.clock.now();
	const at = (iso: string) => `${iso} (${relativeTime(Date.parse(iso), now)})`;
	const fields: (readonly [string, string])[] = [
		['request', paint('bold', visible(view.id))],
		['state', paint(stateStyle[view.state], view.state) + stateDetail(view)],
		['BMC', visible(view.bmc)],
		['call', paint('bold', callText(view))],
		['body', bodyText(view.body)],
	];
	if (view.ifMatch !== null) fields.push(['If-Match', visible(view.ifMatch)]);
	fields.push(
		['operation', view.operations.map(operation => visible(operation)).join('\n')],
		['asked by', `${person(view.requester)}, ${at(view.createdAt)}`],
	);
	const others = view.authorizations.filter(who => who.name !== view.requester.name);
	if (others.length) {
		const lines = others.map(
			who => `${person(who)}, ${at(who.at)}${validity(who)}${who.comment ? `: ${visible(who.comment)}` : ''}`,
		);
		fields.push(['approved by', lines.join('\n')]);
	}
	if (view.state === 'waiting') {
		const done = view.method === 'WEBSOCKET' ? 'opened' : 'executed';
		const within = `${done} within ${view.executeWithinSeconds} s of its last approval, or not at all`;
		fields.push(['expires', `${at(view.expiresAt)}; ${within}`]);
	}
	if (view.clause !== null) fields.push(['clause', visible(view.clause)]);
	const policies = view.policies.map(policy => {
		const verdict = policy.holds ? paint('green', '✓') : paint('red', '✗');
		return `${verdict} ${visible(policy.party)}: ${visible(policy.reason || policy.expression)}`;
	});
	if (policies.length) fields.push(['policies', policies.join('\n')]);
	if (view.ended) {
		const by = view.ended.by ? `${person(view.ended.by)}, ` : '';
		fields.push(['ended', `${by}${at(view.ended.at)}: ${visible(view.ended.reason)}`]);
	}
	fields.push(...more, ['digest', visible(view.digest)]);
	printFields(context, fields);
}

const validity = ({ validUntil }: RequestView['authorizations'][number]): string =>
	validUntil === null ? '' : `, counts until ${validUntil}`;

/** On one line when it is short. */
function bodyText(body: RequestView['body']): string {
	if (body === null) return '(none)';
	const line = visible(JSON.stringify(body));
	return line.length <= 80 ? line : visibleJson(body);
}

function stateDetail(view: RequestView): string {
	if (view.state === 'waiting') return ` for ${visible(view.needsText)}`;
	if (view.state === 'unknown') return ': it may have reached the BMC; look there before repeating it';
	return view.outcome ? `; the BMC answered ${statusText(view.outcome.status)}` : '';
}

/** `412 Precondition Failed`: not everybody knows the numbers. */
export const statusText = (status: number): string => `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();

function person(who: { name: string; party: string }): string {
	return `${visible(who.name)} of ${visible(who.party)}`;
}

/** A profile kept here for an operator of `party`, if there is one: ` --as cp`. */
async function profileOfParty(home: string, url: string, party: string): Promise<string | undefined> {
	for (const name of await listProfiles(home)) {
		const profile = await loadProfile(home, name).catch(() => undefined);
		if (profile?.url !== url) continue;
		if (profile.party === party || (!profile.party && name.toLowerCase() === party.toLowerCase()))
			return name;
	}
	return undefined;
}

/** One line to paste for each party that is needed: `bimetal approve ID --as cp`. */
export async function approveLines(
	context: CliContext,
	view: RequestView,
	where: { home: string; url: string },
): Promise<{ party: string; line: string }[]> {
	const parties = [...new Set(view.needs.flat())];
	return Promise.all(
		parties.map(async party => {
			const profile = await profileOfParty(where.home, where.url, party);
			const line = `${commandName(context)} approve ${visible(view.id)}${profile ? ` --as ${profile}` : ''}`;
			return { party, line };
		}),
	);
}

/** Tells that a request waits, why, for whom, and what each side can do. */
export async function printWaiting(
	context: CliContext,
	view: RequestView,
	where: { home: string; url: string; suffix: string; follow: string },
): Promise<void> {
	const paint = painter(context);
	printLine(
		context,
		`${paint('yellow', 'Waiting')} for ${paint('bold', visible(view.needsText))}; nothing was sent to ${visible(view.bmc)} yet.`,
	);
	for (const policy of view.policies.filter(candidate => !candidate.holds)) {
		printLine(context, `  since ${visible(policy.party)}'s policy does not hold: ${visible(policy.reason)}`);
	}
	printLine(context);
	printFields(context, [
		['  request', visible(view.id)],
		['  expires', relativeTime(Date.parse(view.expiresAt), context.clock.now())],
	]);
	for (const { party, line } of await approveLines(context, view, where)) {
		printLine(context, `\nFor an operator of ${visible(party)} to approve it:\n  ${line}`);
	}
	printLine(context, `\nTo follow it to its end:\n  ${where.follow}${where.suffix}`);
}
