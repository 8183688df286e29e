import type { LeaseView } from '../../market/client.ts';
import type { CliContext } from '../context.ts';
import { type MarketOptions, projectOf, withMarket } from '../market/market-connection.ts';
import type { Moment } from '../market/parse.ts';
import { attestationText, durationText, hourlyText, secondText } from '../market/text.ts';
import { type Paint, painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';
import { someOf } from './offers.ts';

/** `bimetal lease list` */
export const listLeases = (
	context: CliContext,
	options: MarketOptions & { readonly all?: boolean },
): Promise<number> =>
	withMarket(context, options, async client => {
		const project = options.all ? await projectOf(client, options) : options.project;
		const leases = await client.leases({ project, all: options.all });
		if (options.json) printJson(context, { leases });
		else if (leases.length === 0) printLine(context, 'No leases.');
		else
			await printTable(
				context,
				['LEASE', 'PROJECT', 'SERVERS', 'START', 'END', 'COST', 'STATE'],
				leases.map(({ id, project: of, servers, start, end, cost, state, problem, losses = [] }) => [
					visible(id),
					visible(of),
					visible(someOf(servers.map(({ server }) => server))),
					secondText(start),
					secondText(end),
					cost,
					problem === null && losses.every(({ until }) => until !== null)
						? state
						: painter(context)('yellow', `${state}!`),
				]),
			);
		return 0;
	});

const shown = (context: CliContext, options: MarketOptions, lease: LeaseView): number => {
	if (options.json) printJson(context, lease);
	else printLease(context, lease);
	return 0;
};

/** `bimetal lease show LEASE` */
export const showLease = (context: CliContext, id: string, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async client => shown(context, options, await client.lease(id)));

/** `bimetal lease cancel LEASE`, `bimetal lease release LEASE` */
export const changeLease = (
	context: CliContext,
	id: string,
	{ change, ...options }: MarketOptions & { readonly change: 'cancel' | 'release' },
): Promise<number> =>
	withMarket(context, options, async client => shown(context, options, await client.changeLease(id, change)));

/** `bimetal lease extend LEASE --until TIME` */
export const extendLease = (
	context: CliContext,
	id: string,
	options: MarketOptions & { readonly until: Moment },
): Promise<number> =>
	withMarket(context, options, async client => {
		const until = options.until(Math.floor(context.clock.now() / 1000));
		return shown(context, options, await client.extendLease(id, until));
	});

/** `bimetal lease recall LEASE` */
export const recallLease = (context: CliContext, id: string, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async client =>
		shown(context, options, await client.recall(id, await projectOf(client, options))),
	);

export function printLease(context: CliContext, lease: LeaseView): void {
	const { id, project, servers, start, end, cost, state, deliveredAt, problem } = lease;
	const paint = painter(context);
	printFields(context, [
		['lease', paint('bold', visible(id))],
		['project', visible(project)],
		[
			'servers',
			servers
				.map(({ server, owner, price, until, isBack, under }) => {
					const when = isBack ? ', back' : until === end ? '' : `, until ${secondText(until)}`;
					const whose = under === undefined ? owner : `${owner}, out of lease ${under}`;
					return visible(`${server} of ${whose}, ${hourlyText(price)}${when}`);
				})
				.join('\n'),
		],
		['time', `${secondText(start)} to ${secondText(end)}: ${durationText(end - start)}`],
		['cost', `${cost} credits`],
		...(lease.attestation ? [['attested by', visible(attestationText(lease.attestation))] as const] : []),
		...(lease.boot ? [['boots from', visible(lease.boot.image)] as const] : []),
		['state', state],
		...(lease.delays ?? []).map(
			({ by, seconds }) => ['late', visible(`${durationText(seconds)}, by ${by}`)] as const,
		),
		...(deliveredAt === null ? [] : [['delivered', secondText(deliveredAt)] as const]),
		...(lease.losses ?? []).map(each => lossField(paint, each)),
		...(problem === null ? [] : [['problem', paint('yellow', visible(problem))] as const]),
	]);
}

/** A server that was cut off, or taken away, while it was leased. */
function lossField(
	paint: Paint,
	{ server, at, until, code, reason }: NonNullable<LeaseView['losses']>[number],
): readonly [string, string] {
	const what = `${server} ${until === null ? 'since' : 'from'} ${secondText(at)}${until === null ? '' : ` to ${secondText(until)}`}: ${code}: ${reason}`;
	return ['cut off', until === null ? paint('red', visible(what)) : visible(what)];
}
