import type { PassageView, VerifierClient } from '../../attest/client.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { AttestOptions } from '../attest/attest-connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted, usageError } from '../failure.ts';
import { nicNetwork } from '../hil/nic-network.ts';
import { dateText, painter, printFields, printJson, printLine, printTable, relativeTime } from '../output.ts';
import { progressLine } from '../progress.ts';
import { times, timeText } from '../provisioner/operation-progress.ts';
import { visible } from '../visible.ts';
import { withVerifier } from './attest-admissions.ts';
import { deliver, type Expectations, readRelease } from './attest-release.ts';
import { sleep } from './follow.ts';

export interface PassOptions extends AttestOptions, Expectations {
	readonly network?: readonly string[];
	readonly policy?: string;
	/** False: `--no-attestation`. */
	readonly attestation?: boolean;
	readonly interval?: number;
	readonly lease?: number;
	readonly within?: number;
	readonly payload?: string;
	/** False: `--no-wait`. */
	readonly wait?: boolean;
}

/** Milliseconds that one look waits for news; between two tries to reach a verifier that has gone away, and how many. */
const longLook = 20_000;
const [retryEvery, mostRetries] = [2000, 60];

/** `bimetal attest pass NODE PROJECT` */
export async function passNode(
	context: CliContext,
	[node, project]: readonly [string, string],
	options: PassOptions,
): Promise<number> {
	const { policy, interval, lease, within, payload, attestation = true } = options;
	if (!attestation && (policy ?? payload) !== undefined)
		throw usageError('without attestation there is no policy and no payload', '--no-attestation alone');
	if (payload !== undefined && options.wait === false)
		throw usageError('a payload is released when the node has proven itself', '--payload without --no-wait');
	const given = payload === undefined ? undefined : await readRelease(context, payload, options);
	return withVerifier(context, options, async client => {
		const begun = await client.pass({
			...{ node, project, policy, interval, lease, within },
			networks: (options.network ?? []).map(nicNetwork),
			...(!attestation && { attestation: 'none' as const }),
			...(given && { payload: true }),
		});
		if (options.wait === false) return printPassage(context, options, begun);
		const release = given && { ...given, options };
		return ended(context, options, await followed(context, client, begun, { release }));
	});
}

interface Following {
	readonly release?: Omit<Parameters<typeof deliver>[3], 'progress'> | undefined;
	/** Is given each state that it comes to, instead of what people are shown. */
	readonly onChange?: ((passage: PassageView) => void) | undefined;
}

/** Shows how a passage gets on until the node is in, or the passage over; of one that is in, until it is over. */
async function followed(
	context: CliContext,
	client: VerifierClient,
	begun: PassageView,
	{ release, onChange }: Following,
): Promise<PassageView> {
	const signal = context.interruption();
	const progress = progressLine(context);
	const bimetal = commandName(context);
	const isIn = begun.state === 'inside';
	let now = begun;
	let isReleased = release === undefined;
	try {
		for (let retries = 0; ; ) {
			onChange?.(now);
			if (now.endedAt !== null || (now.state === 'inside' && !isIn)) return now;
			if (!onChange) progress.show(standOf(now));
			if (release && !isReleased && now.stage === 'evidence' && now.admission !== null) {
				isReleased = true;
				await deliver(context, client, now.admission, { ...release, progress });
			}
			const seen = now.revision;
			for (const look = onChange || context.stderr.isTTY ? 1000 : longLook; now.revision === seen; ) {
				try {
					now = await client.passage(now.id, look, seen);
					retries = 0;
					if (!onChange) progress.show(standOf(now));
					if (now.endedAt !== null) break;
				} catch (fault) {
					const isAway = fault instanceof BimetalError && fault.code === 'AttestUnreachable';
					if (!isAway || ++retries > mostRetries) throw fault;
					progress.show(`${visible(now.node)}: the verifier does not answer; trying again`);
					await sleep(context.clock, retryEvery, signal);
				}
			}
		}
	} catch (fault) {
		if (!(fault instanceof BimetalError) || fault.code !== 'Interrupted') throw fault;
		const next = `${bimetal} attest passages follow ${now.id} — it goes on; ${bimetal} attest passages cancel ${now.id} ends it`;
		throw hinted(fault, next);
	} finally {
		progress.end();
	}
}

/** What it is at, and what is in the way. */
function standOf({ node, state, stage, waits, trouble, attempts }: PassageView): string {
	const at = `${visible(node)}: ${stage ?? state}`;
	if (trouble !== null) return `${at}: ${visible(trouble.replace(/\.$/, ''))} (tried ${times(attempts)})`;
	return waits === null ? at : `${at}: ${visible(waits.replace(/\.$/, ''))}`;
}

/** What it came to: 10 when the node was refused, or is attested no longer. */
function ended(context: CliContext, options: AttestOptions, passage: PassageView): number {
	const { state, reason, code, node, project, id, history } = passage;
	if (state === 'returned') {
		const at = history.at(-3)?.what;
		const show = `${commandName(context)} attest passages show ${id}; ${node} is where it was before, off every network`;
		const why = `${at === undefined ? '' : `${at}: `}${reason ?? code ?? 'it came to nothing'}`;
		throw hinted(new BimetalError('PassageFailed', visible(why), { status: 500 }), visible(show));
	}
	if (options.json) printJson(context, passage);
	else if (state === 'inside') {
		const on = passage.networks.map(({ nic, network }) => `${nic} on ${network}`).join(', ');
		const by = passage.admission === null ? 'not attested' : `attested by admission ${passage.admission}`;
		const paint = painter(context);
		printLine(
			context,
			`${paint('green', visible(node))} is in ${visible(project)}, ${visible(on || 'on no network')}: ${by}.`,
		);
	} else printPassage(context, options, passage);
	return exitOf(passage);
}

const exitOf = ({ state }: PassageView): number =>
	state === 'rejected' || state === 'cut' ? exitCodes.found.code : 0;

const colours = { passing: 'yellow', inside: 'green', rejected: 'red', cut: 'red' } as const;

function stateText(context: CliContext, { state, stage }: PassageView): string {
	const colour = (colours as Partial<Record<string, 'yellow' | 'green' | 'red'>>)[state] ?? 'dim';
	return painter(context)(colour, stage ?? state);
}

function printPassage(context: CliContext, { json }: AttestOptions, passage: PassageView): number {
	if (json) {
		printJson(context, passage);
		return 0;
	}
	const { id, node, project, networks, attestation, admission, policy, waits, trouble, attempts } = passage;
	const { code, reason, askedAt, askedBy, history, endedAt, origin } = passage;
	printFields(context, [
		['node', painter(context)('bold', visible(node))],
		['passage', visible(id)],
		['into', visible(project)],
		['from', visible(origin ?? 'the free nodes')],
		[
			'networks',
			networks.map(each => visible(`${each.nic} ${each.network} (${each.channel})`)).join('\n') || '-',
		],
		['state', stateText(context, passage)],
		...(code === null ? [] : [['why', visible(`${code}: ${reason}`)] as const]),
		...(passage.standard === null
			? []
			: [["the site's own", visible(standardText(passage.standard))] as const]),
		...(waits === null ? [] : [['waits', visible(waits)] as const]),
		...(trouble === null ? [] : [['trouble', visible(`${trouble} (tried ${times(attempts)})`)] as const]),
		[
			'attestation',
			attestation === 'none'
				? 'none'
				: visible(`by policy ${policy ?? "of the node, or the project's default"}`),
		],
		...(admission === null ? [] : [['admission', visible(admission)] as const]),
		['asked', visible(`${dateText(new Date(askedAt).toISOString())} by ${askedBy}`)],
		['stages', stagesText(history, endedAt ?? context.clock.now())],
	]);
	return 0;
}

/** What the site's own policy makes of what was refused. */
const standardText = ({ verdict, reason }: NonNullable<PassageView['standard']>): string =>
	verdict === 'met'
		? 'policy accepts it'
		: verdict === 'missed'
			? `policy refuses it too: ${reason}`
			: 'policy was asked before it was refused, and not again';

/** Each with the time until the next. */
const stagesText = (history: PassageView['history'], end: number): string =>
	history
		.map(({ at, what }, index) => {
			const next = history[index + 1]?.at;
			return `${what.padEnd(12)}${next === undefined && end <= at ? '' : timeText(Math.max(0, (next ?? end) - at)).padStart(11)}`.trimEnd();
		})
		.join('\n');

/** `bimetal attest passages list` */
export const listPassages = (
	context: CliContext,
	options: AttestOptions & { readonly all?: boolean },
): Promise<number> =>
	withVerifier(context, options, async client => {
		const passages = await client.passages(options.all);
		if (options.json) printJson(context, { passages });
		else if (passages.length === 0)
			printLine(
				context,
				options.all ? 'No passages.' : 'Nobody is on the way or in; --all shows what is over.',
			);
		else
			await printTable(
				context,
				['NODE', 'INTO', 'STATE', 'WHY', 'ASKED', 'BY', 'PASSAGE'],
				passages.map(one => [
					visible(one.node),
					visible(one.project),
					stateText(context, one),
					visible(one.code ?? (one.trouble === null ? '-' : 'trouble')),
					relativeTime(one.askedAt, context.clock.now()),
					visible(one.askedBy),
					visible(one.id),
				]),
			);
		return 0;
	});

/** `bimetal attest passages show PASSAGE` */
export const showPassage = (context: CliContext, id: string, options: AttestOptions): Promise<number> =>
	withVerifier(context, options, async client => printPassage(context, options, await client.passage(id)));

/** `bimetal attest passages follow PASSAGE`; as JSON, a line for each state that it comes to. */
export const followPassage = (context: CliContext, id: string, options: AttestOptions): Promise<number> =>
	withVerifier(context, options, async client => {
		const onChange = (now: PassageView): void =>
			void context.stdout.write(`${visible(JSON.stringify(now))}\n`);
		const begun = await client.passage(id);
		const last = await followed(context, client, begun, options.json ? { onChange } : {});
		return options.json ? exitOf(last) : ended(context, options, last);
	});

/** `bimetal attest passages cancel PASSAGE` */
export const cancelPassage = (context: CliContext, id: string, options: AttestOptions): Promise<number> =>
	withVerifier(context, options, async client =>
		printPassage(context, options, await client.cancelPassage(id)),
	);
