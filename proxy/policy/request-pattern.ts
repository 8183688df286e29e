import { consoleKindOf, consolePathsText } from './console-paths.ts';
import { ExpressionSyntaxError, type Parsed, parsed } from './expression/outcome.ts';
import type { PatternSegment, RequestPattern } from './policy-set.ts';

const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'WEBSOCKET'] as const;
const literalPattern = /^[A-Za-z0-9$_~.-]+$/;
const variablePattern = /^\{[A-Za-z][A-Za-z0-9_]*\}$/;

/**
 * Reads `POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset`; `**` is any rest, for GET only. `WEBSOCKET`
 * stands where other rows have a method: what opens a console is a GET on the wire, and must never be taken for one.
 */
export function parseRequestPattern(source: string): Parsed<RequestPattern> {
	return parsed(() => {
		const [word = '', path = '', ...more] = source.split(' ');
		const method = methods.find(known => known === word);
		if (!method) {
			throw new ExpressionSyntaxError(
				0,
				`"${word}" is not a method; write one of ${methods.join(', ')}, a space and a path`,
			);
		}
		const pathOffset = word.length + 1;
		if (more.length > 0) {
			throw new ExpressionSyntaxError(
				pathOffset + path.length,
				'a pattern is one method, one space and one path',
			);
		}
		if (method === 'WEBSOCKET') return { method, segments: readConsole(path, pathOffset), source };
		if (path !== '/redfish' && !path.startsWith('/redfish/')) {
			throw new ExpressionSyntaxError(pathOffset, `the path must begin with /redfish, found "${path}"`);
		}
		return { method, segments: readSegments(method, path, pathOffset), source };
	});
}

/** A WebSocket is a console, and stands outside the Redfish tree. */
function readConsole(path: string, pathOffset: number): PatternSegment[] {
	if (!path.startsWith('/'))
		throw new ExpressionSyntaxError(pathOffset, `the path must begin with /, found "${path}"`);
	const segments = readSegments('WEBSOCKET', path, pathOffset);
	const names = segments.map(segment => (segment.kind === 'literal' ? segment.text : undefined));
	if (consoleKindOf(names) === undefined) {
		throw new ExpressionSyntaxError(
			pathOffset,
			`"${path}" is no console; a WEBSOCKET row names ${consolePathsText}`,
		);
	}
	return segments;
}

function readSegments(method: string, path: string, pathOffset: number): PatternSegment[] {
	const texts = path.slice(1).split('/');
	const variables = new Set<string>();
	let offset = pathOffset + 1;
	return texts.map((text, index) => {
		const at = offset;
		offset += text.length + 1;
		if (text === '**') {
			if (method !== 'GET') throw new ExpressionSyntaxError(at, '"**" is for GET only; name what is changed');
			if (index !== texts.length - 1)
				throw new ExpressionSyntaxError(at, '"**" can only be the last segment');
			return { kind: 'rest' };
		}
		if (variablePattern.test(text)) {
			const name = text.slice(1, -1);
			if (variables.has(name)) throw new ExpressionSyntaxError(at, `{${name}} stands in this path twice`);
			variables.add(name);
			return { kind: 'variable', name };
		}
		if (text === '' || text === '.' || text === '..' || !literalPattern.test(text)) {
			throw new ExpressionSyntaxError(
				at,
				text === ''
					? 'an empty segment; write no "//" and no "/" at the end'
					: `"${text}" cannot be a segment; write a plain name or {variable}`,
			);
		}
		return { kind: 'literal', text };
	});
}

/** Equal for patterns that match the same requests: variables without their names. */
export function patternKey(pattern: RequestPattern): string {
	const segments = pattern.segments.map(segment =>
		segment.kind === 'literal' ? segment.text : segment.kind === 'variable' ? '{}' : '**',
	);
	return `${pattern.method} /${segments.join('/')}`;
}

/**
 * Reads a PATCH row's property path: `Boot.BootSourceOverrideTarget`, `Boot.*`, or with an annotation, whose dot is
 * part of its name, `@Redfish.SettingsApplyTime.*`.
 */
export function checkPropertyPath(source: string): Parsed<string> {
	return parsed(() => {
		const names = namesOf(source);
		const last = names.length - 1;
		const isOpen = last > 0 && names[last] === '*';
		const wrong = names.findIndex((name, index) => !(isOpen && index === last) && !propertyName.test(name));
		if (wrong >= 0 || names.join('.') !== source) {
			throw new ExpressionSyntaxError(
				names.slice(0, Math.max(0, wrong)).reduce((offset, name) => offset + name.length + 1, 0),
				`"${names[wrong] ?? source}" is not a property name; write for instance Boot.BootSourceOverrideTarget or Boot.*`,
			);
		}
		return source;
	});
}

const propertyName = /^(?=.)(?:[A-Za-z][A-Za-z0-9_]*)?(?:@[A-Za-z][A-Za-z0-9_]*\.[A-Za-z][A-Za-z0-9_]*)?$/;

/**
 * The names of a property path as the table has it. The dot of an annotation belongs to its name:
 * `@Redfish.SettingsApplyTime.ApplyTime` has two names.
 */
export function namesOf(path: string): string[] {
	return path.match(/[^.@]*@[^.]*\.[^.]*|[^.]+/g) ?? [];
}
