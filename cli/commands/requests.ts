import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { RequestState, RequestView } from '../../proxy/client.ts';
import { type Connection, type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted, usageError } from '../failure.ts';
import { painter, printJson, printLine, printTable, relativeTime, short } from '../output.ts';
import { confirm } from '../prompt.ts';
import { visible } from '../visible.ts';
import { warnOfBreakGlass } from './break-glass.ts';
import { approveLines, callText, stateStyle, statusText } from './request-text.ts';
import { printReview } from './review-text.ts';
import { hasSigningKey, type SigningOptions, signDecision } from './signing.ts';

type Options = ConnectionOptions & { readonly json?: boolean };

export interface RequestsOptions extends Options {
	readonly state?: RequestState;
	readonly bmc?: string;
	readonly limit?: number;
	readonly after?: string;
}

/** `bimetal requests` */
export function listRequests(context: CliContext, options: RequestsOptions): Promise<number> {
	const { state, bmc, limit, after } = options;
	return withConnection(context, options, async ({ client, suffix }) => {
		const page = await client.requests({ state, bmc, limit, after });
		if (options.json) {
			printJson(context, page);
			return 0;
		}
		await warnOfBreakGlass(context, client);
		if (page.requests.length === 0) {
			printLine(context, `No requests${state ? ` that are ${state}` : ''}${bmc ? ` at ${bmc}` : ''}.`);
			return 0;
		}
		const paint = painter(context);
		const now = context.clock.now();
		await printTable(
			context,
			['ID', 'STATE', 'NEEDS', 'BMC', 'CALL', 'ASKED BY', 'AGE'],
			page.requests.map(view => [
				visible(view.id),
				paint(stateStyle[view.state], view.state),
				visible(view.needsText),
				short(view.bmc, 24),
				shortCall(view),
				`${short(view.requester.name, 24)} (${visible(view.requester.party)})`,
				relativeTime(Date.parse(view.createdAt), now),
			]),
		);
		const next = `${commandName(context)} requests --after ${page.next}${state ? ` --state ${state}` : ''}`;
		if (page.next !== null) printLine(context, `\nMore: ${next}${suffix}`);
		return 0;
	});
}

/** The end of a path says most: `POST …/system/Actions/ComputerSystem.Reset ForceRestart`. */
function shortCall(view: RequestView): string {
	const call = callText(view).replace('/redfish/v1/', '');
	const body = view.body;
	const kind =
		typeof body === 'object' && body !== null && !Array.isArray(body) && typeof body.ResetType === 'string'
			? ` ${visible(body.ResetType)}`
			: '';
	const text = `${call}${kind}`;
	return text.length <= 72 ? text : `${text.slice(0, 30)}…${text.slice(-41)}`;
}

/** `bimetal request ID` */
export function showRequest(context: CliContext, id: string, options: Options): Promise<number> {
	return withConnection(context, options, async connection => {
		if (options.json) printJson(context, await connection.client.request(id));
		else {
			const review = await connection.client.review(id);
			await printReview(context, review);
			for (const { party, line } of await approveLines(context, review.request, connection)) {
				printLine(context, `\nFor an operator of ${visible(party)} to approve it:\n  ${line}`);
			}
		}
		return 0;
	});
}

export interface ApproveOptions extends Options, SigningOptions {
	readonly comment?: string;
	readonly digest?: string;
	readonly yes?: boolean;
}

/**
 * `bimetal approve ID`: shows what would be executed, asks, and approves exactly what was shown: the digest
 * sent is that of the document on the screen, so a request changed meanwhile is refused. What it meets (the
 * resource, the policies) is shown as it is at this moment.
 */
export function approve(context: CliContext, id: string, options: ApproveOptions): Promise<number> {
	return withConnection(context, options, async connection => {
		const { client, suffix } = connection;
		const review = options.json ? undefined : await client.review(id);
		const view = review?.request ?? (await client.request(id));
		if (options.digest && options.digest.toLowerCase() !== view.digest) {
			throw hinted(
				new BimetalError('DigestDiffers', `request ${id} has another digest: ${view.digest}`, {
					status: 409,
				}),
				`${commandName(context)} request ${id}${suffix} — shows what it is now`,
			);
		}
		if (review) await printReview(context, review);
		if (context.stdin.isTTY && !options.yes) {
			if (view.state === 'waiting') printLine(context);
			if (view.state === 'waiting' && !(await confirm(context, 'Approve exactly this?'))) {
				throw hinted(
					new BimetalError('Interrupted', 'not approved'),
					`${commandName(context)} deny ${id} --reason TEXT${suffix}`,
				);
			}
		}
		const { digest } = view;
		const { comment } = options;
		const about = { requestId: view.id, digest, decision: 'approve' as const, comment };
		const signed = await signDecision(context, connection, options, about);
		const after = await client.approve(id, { digest, comment, signed });
		if (options.json) printJson(context, after);
		else printLine(context, `\n${afterApproval(after, painter(context))}`);
		const bad = after.state === 'denied' ? exitCodes.denied : exitCodes.fault;
		return ['denied', 'failed', 'unknown'].includes(after.state) ? bad.code : exitCodes.ok.code;
	});
}

function afterApproval(view: RequestView, paint: ReturnType<typeof painter>): string {
	const reason = visible(view.ended?.reason ?? 'no reason given');
	switch (view.state) {
		case 'waiting':
			return `${paint('green', 'Approved')}; it still waits for ${visible(view.needsText)}.`;
		case 'approved':
			return `${paint('green', 'Approved')}; ${visible(view.requester.name)} can open it until ${visible(view.expiresAt)}.`;
		case 'executing':
			return `${paint('green', 'Approved')}; it is being sent to ${visible(view.bmc)}.`;
		case 'executed':
			return `${executed(view, paint)}; ${visible(view.bmc)} answered ${statusText(view.outcome?.status ?? 0)}.`;
		case 'denied':
			return `${paint('red', 'Approved, but not executed')}: ${reason}`;
		default:
			return `${paint('red', `Approved, and now ${view.state}`)}: ${reason}`;
	}
}

/** Executed is what was sent; whether the BMC did it, its answer says. */
const executed = ({ outcome }: RequestView, paint: ReturnType<typeof painter>): string =>
	paint(outcome && outcome.status < 400 ? 'green' : 'yellow', 'Approved and executed');

/** Signs what ends a request, over its digest as the proxy has it now. */
async function signOne(
	context: CliContext,
	connection: Connection,
	options: SigningOptions,
	{ id, ...about }: { id: string; decision: 'deny' | 'withdraw'; comment: string | undefined },
) {
	if (!hasSigningKey(connection, options)) return undefined;
	const { digest } = await connection.client.request(id);
	return signDecision(context, connection, options, { requestId: id, digest, ...about });
}

/** `bimetal deny ID --reason TEXT` */
export function deny(
	context: CliContext,
	id: string,
	options: Options & SigningOptions & { reason?: string },
): Promise<number> {
	const { reason } = options;
	if (!reason)
		throw usageError(
			'why is it denied?',
			`${commandName(context)} deny ${id} --reason 'maintenance until noon'`,
		);
	return withConnection(context, options, async connection => {
		const signed = await signOne(context, connection, options, { id, decision: 'deny', comment: reason });
		const view = await connection.client.deny(id, { reason, signed });
		if (options.json) printJson(context, view);
		else
			printLine(
				context,
				`${painter(context)('red', 'Denied')}: ${callText(view)} at ${visible(view.bmc)} will not be executed.`,
			);
		return 0;
	});
}

/** `bimetal withdraw ID` */
export function withdraw(
	context: CliContext,
	id: string,
	options: Options & SigningOptions & { reason?: string },
): Promise<number> {
	return withConnection(context, options, async connection => {
		const { reason } = options;
		const signed = await signOne(context, connection, options, { id, decision: 'withdraw', comment: reason });
		const view = await connection.client.withdraw(id, { reason, signed });
		if (options.json) printJson(context, view);
		else printLine(context, `Withdrawn: ${callText(view)} at ${visible(view.bmc)} will not be executed.`);
		return 0;
	});
}
