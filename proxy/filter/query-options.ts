import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Query } from '../canonicalise/query.ts';
import { filterErrors } from './errors.ts';
import { compileFilter, type ResourceTest } from './filter-expression.ts';

/** The query parameters of a read. The proxy evaluates all of them itself: on the BMC they would see what is hidden. */
export interface QueryOptions {
	readonly only: boolean;
	readonly filter: ResourceTest | undefined;
	readonly skip: number | undefined;
	readonly top: number | undefined;
	readonly expand: ExpandOption | undefined;
	/** Property paths: `Status/Health` is `['Status', 'Health']`. */
	readonly select: readonly (readonly string[])[] | undefined;
	/** As they were asked, for the link to the next page. */
	readonly asked: Query;
}

export interface ExpandOption {
	/** `.` expands what is subordinate, `~` what stands under Links, `*` both. */
	readonly which: '.' | '~' | '*';
	readonly levels: number;
}

/** What `$levels` may be at most; ServiceRoot says so (ProtocolFeaturesSupported.ExpandQuery.MaxLevels). */
export const maxLevels = 6;

const maxSelected = 100;
const maxPathDepth = 16;

/**
 * Reads the query parameters of DSP0266 ("Query parameters").
 * @throws BimetalError `QueryParameterValueFormatError`, `QueryParameterOutOfRange` or
 * `QueryCombinationInvalid` (400), named as in the Base registry
 */
export function parseQueryOptions(query: Query): QueryOptions {
	const asked = new Map(query);
	const only = asked.get('only');
	if (only !== undefined && only !== '') throw badValue('only', only, 'it takes no value');
	if (only !== undefined && query.some(([name]) => name !== 'only' && name !== '$select')) {
		throw filterErrors.QueryCombinationInvalid('"only" can be combined with $select and nothing else');
	}
	const filter = asked.get('$filter');
	return {
		only: only !== undefined,
		filter: filter === undefined ? undefined : compileFilter(filter),
		top: readCount('$top', asked.get('$top')),
		skip: readCount('$skip', asked.get('$skip')),
		expand: readExpand(asked.get('$expand')),
		select: readSelect(asked.get('$select')),
		asked: query,
	};
}

function readCount(name: string, value: string | undefined): number | undefined {
	if (value === undefined) return undefined;
	if (/^-[0-9]+$/.test(value)) throw outOfRange(name, value, '0 or more');
	if (!/^[0-9]+$/.test(value)) throw badValue(name, value, 'it must be a whole number');
	const count = Number(value);
	if (!Number.isSafeInteger(count)) throw outOfRange(name, value, '0 or more');
	return count;
}

function readExpand(value: string | undefined): ExpandOption | undefined {
	if (value === undefined) return undefined;
	const match = /^([.~*])(?:\(\$levels=([0-9]{1,9})\))?$/.exec(value);
	if (!match)
		throw badValue('$expand', value, 'write ".", "~" or "*", and ($levels=2) behind it for more levels');
	const levels = Number(match[2] ?? 1);
	if (levels < 1 || levels > maxLevels) throw outOfRange('$expand', value, `$levels from 1 to ${maxLevels}`);
	return { which: match[1] as ExpandOption['which'], levels };
}

function readSelect(value: string | undefined): string[][] | undefined {
	if (value === undefined) return undefined;
	const paths = value.split(',').map(path => path.trim().split('/'));
	const isName = (name: string) => /^[A-Za-z0-9_#@.-]{1,128}$/.test(name);
	for (const path of paths) {
		if (path.length > maxPathDepth || !path.every(isName)) {
			throw badValue('$select', path.join('/'), 'write property names with "," between them and "/" inside');
		}
	}
	if (paths.length > maxSelected)
		throw badValue('$select', `${paths.length} properties`, `at most ${maxSelected}`);
	return paths;
}

function badValue(name: string, value: string, right: string): BimetalError {
	const message = `The value ${JSON.stringify(value.slice(0, 80))} of the query parameter ${name} is of a wrong form: ${right}`;
	return filterErrors.QueryParameterValueFormatError(message);
}

function outOfRange(name: string, value: string, range: string): BimetalError {
	return filterErrors.QueryParameterOutOfRange(
		`The value ${value.slice(0, 40)} of the query parameter ${name} is out of the range ${range}`,
	);
}
