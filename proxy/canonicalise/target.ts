import { parseQuery, type Query } from './query.ts';
import { type Refusal, refusal } from './refusals.ts';

export interface Target {
	readonly path: string;
	readonly segments: readonly string[];
	readonly query: Query;
}

/**
 * `/redfish`, `/redfish/v1` and what is below, with RFC 3986 §3.3 path characters except `%` and `;`, one
 * trailing slash at most. bmcweb matches the encoded, case-sensitive path, so an encoded form is never needed.
 */
const plainPath = /^\/redfish(?:\/v1(?:\/[\w.~!$&'()*+,=:@-]+)*)?\/?$/;
const dotSegment = /\/\.\.?(?:\/|$)/;

const noQuery: Query = Object.freeze([]);

/**
 * The one form of a request target. No URL class: WHATWG parsing collapses dot segments and drops TABs, a BMC
 * does not. Throws a BimetalError whose code starts with `Target` or `Query`.
 */
export function parseTarget(raw: string): Target {
	const mark = raw.indexOf('?');
	const written = mark < 0 ? raw : raw.slice(0, mark);
	if (!plainPath.test(written) || (written.includes('/.') && dotSegment.test(written)))
		throw refusal(diagnoseTarget(written));
	const path = written.endsWith('/') ? written.slice(0, -1) : written;
	const segments = path.split('/');
	segments.shift();
	return { path, segments, query: mark < 0 ? noQuery : parseQuery(raw.slice(mark + 1)) };
}

/** Why a path is not plain; the order is that of the damage each does. */
export function diagnoseTarget(path: string): Refusal {
	if (path.includes('#')) return 'TargetFragment';
	if (path.startsWith('//')) return 'TargetNetworkPath';
	if (path.includes('\\')) return 'TargetBackslash';
	if (!path.startsWith('/')) return 'TargetNotOrigin';
	if (path.includes('%')) return 'TargetPercentEncoded';
	if (path.includes(';')) return 'TargetPathParameter';
	if (!/^[\w.~!$&'()*+,=:@/-]*$/.test(path)) return 'TargetCharacter';
	if (path.includes('//')) return 'TargetEmptySegment';
	if (dotSegment.test(path)) return 'TargetDotSegment';
	if (/^\/redfish(?:\/v1)?(?:\/|$)/i.test(path) && !/^\/redfish(?:\/v1)?(?:\/|$)/.test(path))
		return 'TargetPrefixCase';
	if (/^\/redfish\/V1(?:\/|$)/.test(path)) return 'TargetPrefixCase';
	return 'TargetUnknown';
}
