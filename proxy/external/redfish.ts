import type { Clock } from '../../common/clock.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { RedfishSource } from './external-source.ts';
import { mapFields } from './fields.ts';
import type { Fetched } from './polled.ts';
import { reasonOf, within } from './reader.ts';

/** GETs `path` of the BMC `target`; rejects when it does not answer with 200 and JSON. */
export type FetchRedfish = (target: string, path: string, signal: AbortSignal) => Promise<JsonValue>;

export interface RedfishDeps {
	readonly source: RedfishSource;
	/** The site's BMCs by name. */
	readonly targets: readonly string[];
	readonly fetchRedfish: FetchRedfish;
	readonly clock: Clock;
}

/** Asks all targets at once, each within the source's time-out, and gives one object for each, in their order. */
export async function fetchTargets(deps: RedfishDeps, signal: AbortSignal): Promise<Fetched> {
	const { source, clock } = deps;
	const targets = source.targets ?? deps.targets;
	const results = await Promise.all(
		targets.map(async target => {
			try {
				const document = await within({ clock, ms: source.timeout, signal }, inner =>
					deps.fetchRedfish(target, source.path, inner),
				);
				return mapFields(source.fields, document, target);
			} catch (error) {
				return { ok: false, reason: reasonOf(error) } as const;
			}
		}),
	);
	const list: JsonValue[] = [];
	for (const [index, result] of results.entries()) {
		const target = targets[index] ?? '';
		if (result.ok) list.push(result.value);
		else if (source.whenUnreachable) list.push(substitute(source, source.whenUnreachable, target));
		else return { ok: false, reason: `${target}: ${result.reason}` };
	}
	return { ok: true, value: source.under === undefined ? list : { [source.under]: list } };
}

function substitute(
	{ fields }: RedfishSource,
	whenUnreachable: NonNullable<RedfishSource['whenUnreachable']>,
	target: string,
): JsonValue {
	const value: Record<string, JsonValue> = {};
	for (const [name, rule] of Object.entries(fields)) {
		// The schema makes sure that every field read from the answer has its substitute.
		value[name] = rule.from === 'target' ? target : (whenUnreachable[name] ?? null);
	}
	return value;
}
