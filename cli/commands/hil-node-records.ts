import { duration } from '../../common/config/values.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { dateText, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';

/** `bimetal node set NODE NAME=VALUE…`; nothing after the sign takes it away. */
export const setProperties = (
	context: CliContext,
	node: string,
	given: readonly string[],
	options: HilOptions,
): Promise<number> => {
	const wanted = given.map(text => {
		const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
		if (name) return { name, value: value === '' ? undefined : parseValue(value) };
		throw usageError(
			`'${visible(text)}' sets nothing`,
			'ram=128, tpm=true, gpu=\'["A100"]\', or gpu= to take it away',
		);
	});
	return withHil(context, options, async ({ client }) => {
		const { administration: hil } = client;
		for (const { name, value } of wanted) {
			if (value === undefined) await hil.deleteMetadata(node, name);
			else await hil.setMetadata(node, name, value);
		}
		if (options.json)
			printJson(context, {
				node,
				set: Object.fromEntries(wanted.map(({ name, value }) => [name, value ?? null])),
			});
		else
			for (const { name, value } of wanted)
				printLine(
					context,
					visible(
						value === undefined
							? `${node} has no ${name} any more.`
							: `${node}: ${name} is ${JSON.stringify(value)}.`,
					),
				);
		return 0;
	});
};

/** JSON where it is; else the text itself. */
function parseValue(text: string): unknown {
	try {
		return JSON.parse(text) as unknown;
	} catch {
		return text;
	}
}

/** `bimetal node lease NODE`: when it is released by itself. */
export const setLease = (
	context: CliContext,
	node: string,
	options: HilOptions & { readonly until?: string; readonly for?: string; readonly none?: boolean },
): Promise<number> => {
	const until = endOf(context, options);
	return withHil(context, options, async ({ client }) => {
		await client.administration.setLease(node, until);
		if (options.json) printJson(context, { node, until });
		else
			printLine(
				context,
				until === null
					? `${visible(node)} stays until it is released.`
					: `${visible(node)} is released from its project on ${dateText(until)}.`,
			);
		return 0;
	});
};

function endOf(
	context: CliContext,
	{ until, for: span, none }: { readonly until?: string; readonly for?: string; readonly none?: boolean },
): string | null {
	if ([until, span, none].filter(each => each !== undefined).length !== 1)
		throw usageError('when does it end?', '--for 8h, --until 2027-01-01T00:00:00Z, or --none');
	if (none) return null;
	if (span !== undefined) {
		const read = duration.safeParse(span);
		if (!read.success)
			throw usageError(`'${visible(span)}' is no time: ${read.error.issues[0]?.message}`, '--for 8h');
		return new Date(context.clock.now() + read.data).toISOString();
	}
	const moment = Date.parse(until ?? '');
	if (Number.isNaN(moment))
		throw usageError(`'${visible(until ?? '')}' is no date`, '--until 2027-01-01T00:00:00Z');
	return new Date(moment).toISOString();
}
