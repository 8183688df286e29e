import test from 'ava';
import fc from 'fast-check';
import { auditRecord } from './audit-record.ts';
import { anyRecord } from './audit-samples.fixture.ts';
import { canonicalJson } from './canonical-json.fixture.ts';
import { recordText } from './record-text.ts';

test('is the canonical JSON of the record', t => {
	const kinds = new Set<string>();
	fc.assert(
		fc.property(anyRecord, record => {
			kinds.add(record.kind);
			const text = recordText(record);
			t.is(text, canonicalJson(record));
			t.deepEqual(auditRecord.parse(JSON.parse(text)), JSON.parse(text));
		}),
		{ numRuns: 1000 },
	);
	t.deepEqual([...kinds].sort(), auditRecord.options.map(option => option.shape.kind.value).sort());
});

test('leaves out what is no part of a record', t => {
	fc.assert(
		fc.property(anyRecord, record => {
			const more: object = { ...record, body: 'secret' };
			t.is(recordText(more as typeof record), recordText(record));
		}),
	);
});

test('canonical JSON is the same whatever the order of the members, and reads back as the value', t => {
	const reversed = (value: unknown): unknown => {
		if (Array.isArray(value)) return value.map(reversed);
		if (typeof value !== 'object' || value === null) return value;
		return Object.fromEntries(
			Object.entries(value)
				.reverse()
				.map(([key, member]) => [key, reversed(member)]),
		);
	};
	fc.assert(
		fc.property(fc.jsonValue(), value => {
			t.is(canonicalJson(reversed(value)), canonicalJson(value));
			t.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
		}),
	);
});
