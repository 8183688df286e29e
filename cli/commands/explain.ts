import type { ExplanationView } from '../../proxy/client.ts';
import { withConnection } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { type Paint, painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { chooseBody, chooseTarget, type RedfishOptions } from './redfish.ts';

const methods = ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'WEBSOCKET'];

/** `bimetal explain METHOD PATH`: what would come of a call, and why; nothing is executed. */
export async function explainCall(
	context: CliContext,
	given: string,
	target: string,
	options: RedfishOptions & { readonly by?: string },
): Promise<number> {
	const method = given.toUpperCase();
	if (!methods.includes(method)) throw usageError(`'${visible(given)}' is no method`, methods.join(', '));
	const { bmc, path } = chooseTarget(context, target, options, method === 'WEBSOCKET');
	const body = await chooseBody(context, method, options);
	return withConnection(context, options, async ({ client }) => {
		const by = options.by?.toUpperCase();
		const found = await client.explain({ bmc, method, path, body, ifMatch: options.ifMatch, as: by });
		if (options.json) printJson(context, found);
		else printExplanation(context, found);
		return exitCodes[found.verdict === 'execute' ? 'ok' : found.verdict === 'wait' ? 'waiting' : 'denied']
			.code;
	});
}

const marks = { taken: '✔', waits: '…', fails: '✘', behind: '·' } as const;
const says = {
	taken: 'taken',
	waits: 'lacks authorizations',
	fails: 'does not hold',
	behind: 'would hold as well; one before it is taken',
} as const;

function printExplanation(context: CliContext, { as, bmc, method, path, ...found }: ExplanationView): void {
	const paint = painter(context);
	const line = (depth: number, text: string) => printLine(context, `${'  '.repeat(depth)}${text}`);
	const safe = (text: string) => visible(text);
	line(0, paint('bold', safe(`${method} ${path} at ${bmc}, asked by ${as}`)));
	line(
		0,
		paint(
			found.verdict === 'execute' ? 'green' : found.verdict === 'wait' ? 'yellow' : 'red',
			safe(found.summary),
		),
	);
	if (found.unknown !== null) line(1, safe(found.unknown));
	for (const row of found.rows) {
		line(0, '');
		line(0, `row  ${paint('bold', safe(row.operation))}`);
		line(1, paint('dim', safe(`matched by ${row.pattern}`)));
		if (row.properties) line(1, paint('dim', safe(`covers ${row.properties.join(', ')}`)));
		line(1, `needs ${safe(row.p2c)}`);
		for (const { clause, outcome, terms, posts } of row.clauses) {
			line(1, `${mark(outcome, paint)} ${safe(clause)}: ${says[outcome]}`);
			for (const { term, holds, why } of terms) {
				line(3, `${holds ? paint('green', '✔') : paint('red', '✘')} ${safe(`${term}: ${why}`)}`);
			}
			for (const { party, rule } of posts) line(3, paint('dim', safe(`${party} shapes the answer: ${rule}`)));
		}
		for (const { party, values } of row.policies) {
			if (values.length === 0) continue;
			line(1, safe(`values that ${party}'s policy met`));
			for (const { expression, value, unit } of values) {
				const shown = JSON.stringify(value);
				const short = shown.length > 100 ? `${shown.slice(0, 99)}…` : shown;
				line(3, paint('dim', safe(`${expression} = ${short}${unit === undefined ? '' : ` ${unit}`}`)));
			}
		}
	}
}

const mark = (outcome: keyof typeof marks, paint: Paint): string =>
	paint(outcome === 'taken' ? 'green' : outcome === 'fails' ? 'red' : 'yellow', marks[outcome]);
