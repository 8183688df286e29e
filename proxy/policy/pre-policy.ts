import { nearest } from '../../common/config/nearest.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { type Compiled, compileCondition, maxSteps, type Root, type Scope } from './expression/compile.ts';
import { decisiveValues, tracedValues } from './expression/explain.ts';
import { ExpressionSyntaxError, type Parsed, parsed } from './expression/outcome.ts';
import { parseTree } from './expression/syntax.ts';
import type { PathName } from './expression/tree.ts';
import { Undecided } from './expression/values.ts';
import type { Facts } from './facts.ts';
import type { PrePolicy, PreResult, SourceLocation } from './policy-set.ts';

const requestProperties: readonly (keyof Facts['Request'])[] = [
	'Method',
	'Path',
	'Operation',
	'Bmc',
	'Rack',
	'Party',
	'Operator',
	'Body',
];

/**
 * Compiles what stands behind `<party>.pre`: a condition over `Request.…`, `Resource.…` and
 * `External.<source>.…`.
 * @param externalSources the sources that the site declares
 */
export function compilePrePolicy(
	source: string,
	where: SourceLocation,
	externalSources: readonly string[],
): Parsed<PrePolicy> {
	return parsed(() => {
		const external = new Set<string>();
		let needsResource = false;
		const compiled = compileCondition<Facts>(parseTree(source), names => {
			const root = resolveRoot(names, externalSources);
			if (names[0]?.name === 'Resource') needsResource = true;
			if (names[0]?.name === 'External') external.add(names[1]?.name ?? '');
			return root;
		});
		const text = source.trim().replaceAll(/\s+/g, ' ');
		return {
			source: text,
			where,
			needs: { resource: needsResource, external: [...external].sort() },
			evaluate: facts => evaluateCondition(compiled, text, facts),
		};
	});
}

function resolveRoot(names: readonly PathName[], externalSources: readonly string[]): Root<Facts> {
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
			const near = nearest(head.name, ['Request', 'Resource', 'External']);
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

function evaluateCondition(compiled: Compiled<Facts>, source: string, facts: Facts): PreResult {
	const scope: Scope<Facts> = { input: facts, steps: maxSteps, trace: new Array(compiled.traced.length) };
	try {
		const value = compiled.evaluate(scope);
		if (typeof value !== 'boolean')
			throw new Undecided('it gives neither true nor false; fold lists with ANY or ALL');
		const because = decisiveValues(compiled, scope.trace);
		const alone = because.length === 0 || because[0] === `${source} is ${value}`;
		return {
			holds: value,
			reason: `${source} ${value ? 'holds' : 'is false'}${alone ? '' : `: ${because.join(', ')}`}`,
			values: tracedValues(compiled, scope.trace),
		};
	} catch (error) {
		// Whatever goes wrong, the policy does not hold. Only our own reasons are worth showing.
		const reason = error instanceof Undecided ? error.message : 'the evaluation failed';
		return {
			holds: false,
			reason: `${source} cannot be decided: ${reason}`,
			values: safeValues(compiled, scope),
		};
	}
}

function safeValues(compiled: Compiled<Facts>, scope: Scope<Facts>): PreResult['values'] {
	try {
		return tracedValues(compiled, scope.trace);
	} catch {
		return [];
	}
}
