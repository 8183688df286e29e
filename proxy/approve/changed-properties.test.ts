import test from 'ava';
import fc from 'fast-check';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { changedProperties } from './changed-properties.ts';

test('objects are gone into, a list is one value, and what is not there has no before', t => {
	const resource = { Boot: { Target: 'None', Mode: 'UEFI' }, Hosts: ['a', 'b'], 'a/b~c': 1 };
	const body = { Boot: { Target: 'Pxe', Next: {} }, Hosts: ['c'], 'a/b~c': null, New: true };
	t.deepEqual(changedProperties(resource, body), [
		{ property: 'Boot/Target', before: 'None', after: 'Pxe' },
		{ property: 'Boot/Next', after: {} },
		{ property: 'Hosts', before: ['a', 'b'], after: ['c'] },
		{ property: 'a~1b~0c', before: 1, after: null },
		{ property: 'New', after: true },
	]);
	t.deepEqual(changedProperties(undefined, { A: { B: 1 } }), [{ property: 'A/B', after: 1 }]);
	t.deepEqual(changedProperties({ A: 'text' }, { A: { B: 1 } }), [{ property: 'A/B', after: 1 }]);
	t.deepEqual(changedProperties({}, { constructor: 1, toString: 2 }).length, 2);
	t.false('before' in (changedProperties({}, { toString: 2 })[0] ?? {}));
});

test('every value of a body is shown, once', t => {
	const leaf = (value: JsonValue): JsonValue[] =>
		typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
			? Object.values(value).flatMap(leaf)
			: [value];
	const json = fc.dictionary(
		fc.string().filter(key => key !== '__proto__'),
		fc.jsonValue({ maxDepth: 3 }).map(value => JSON.parse(JSON.stringify(value)) as JsonValue),
		{ minKeys: 1 },
	);
	fc.assert(
		fc.property(json, json, (resource, body) => {
			const changes = changedProperties(resource, body);
			t.deepEqual(
				changes.map(({ after }) => after),
				leaf(body),
			);
			t.is(new Set(changes.map(({ property }) => property)).size, changes.length);
		}),
	);
});
