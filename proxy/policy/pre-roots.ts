import { nearest } from '../../common/config/nearest.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { Root } from './expression/compile.ts';
import { ExpressionSyntaxError } from './expression/outcome.ts';
import type { PathName } from './expression/tree.ts';
import { Undecided } from './expression/values.ts';
import type { Facts } from './facts.ts';

const requestProperties: readonly (keyof Facts['Request'])[] = [
	'Method',
	'Path',
	'Operation',
	'Bmc',
	'Rack',
	'Party',
	'Operator',
	'Body',
	'Image',
];

/**
 * What a path of a condition begins with: `Request.…`, `Resource.…` or `External.<source>.…`.
 * @param helpers names of the party's helpers, for the hint at a misspelt one
 * @throws ExpressionSyntaxError at the name that is wrong
 */
export function resolvePreRoot(
	names: readonly PathName[],
	externalSources: readonly string[],
	helpers: readonly string[],
): Root<Facts> {
	const [head, next] = names as [PathName, PathName | undefined];
	switch (head.name) {
		case 'Request': {
			const property = requestProperties.find(known => known === next?.name);
			if (!next || !property) {
				throw new ExpressionSyntaxError(
					(next ?? head).offset,
					`${next ? `a request has no "${next.name}"` : "name one of the request's properties"}; it has ${requestProperties.join(', ')}`,
				);
			}
			return { taken: 2, read: facts => readBody(facts.Request[property], property) };
		}
		case 'Resource':
			return { taken: 1, read: readResource };
		case 'External': {
			if (!next || !externalSources.includes(next.name)) {
				const near = next && nearest(next.name, externalSources);
				throw new ExpressionSyntaxError(
					(next ?? head).offset,
					`${next ? `unknown External source "${next.name}"` : 'name a source behind External.'}; ${near ? `did you mean ${near}? ` : ''}declared: ${externalSources.join(', ') || 'none'}`,
				);
			}
			const name = next.name;
			return { taken: 2, read: facts => readExternal(facts, name) };
		}
		default: {
			const near = nearest(head.name, ['Request', 'Resource', 'External', ...helpers]);
			throw new ExpressionSyntaxError(
				head.offset,
				`unknown name "${head.name}"; ${near ? `did you mean ${near}?` : 'a policy reads Request.…, Resource.… and External.…; texts stand in quotation marks'}`,
			);
		}
	}
}

function readBody(value: JsonValue | undefined, property: string): JsonValue {
	if (value === undefined) throw new Undecided(`the request has no ${property}`);
	return value;
}

function readResource(facts: Facts): JsonValue {
	if (facts.Resource === undefined) throw new Undecided('the resource could not be read');
	return facts.Resource;
}

function readExternal(facts: Facts, name: string): JsonValue {
	const source = Object.hasOwn(facts.External, name) ? facts.External[name] : undefined;
	if (source === undefined) throw new Undecided(`External.${name} has no data`);
	if (source.status !== 'fresh') throw new Undecided(`External.${name} is unavailable: ${source.reason}`);
	return source.value;
}
