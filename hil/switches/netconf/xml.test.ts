import test from 'ava';
import fc from 'fast-check';
import { parseXml, renderXml, type XmlElement, XmlError, xml } from './xml.ts';

/** Any text that XML 1.0 can hold. */
const aText = fc
	.string({ unit: 'binary' })
	.map(text => text.replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, ''));
const aTrickyText = fc
	.array(
		fc.oneof(
			aText,
			fc.constantFrom('<', '&', '>', '"', "'", ']]>', ']]>]]>', '&amp;', '<!--', '\r\n', '\u0085', '\u2028'),
		),
	)
	.map(parts => parts.join(''));
const aName = fc.constantFrom('name', 'unit', 'vlan-id', 'error-message', 'junos_x.y');
const anElement: fc.Arbitrary<XmlElement> = fc.letrec<{ element: XmlElement }>(tie => ({
	element: fc
		.tuple(
			aName,
			fc.oneof(
				{ maxDepth: 4, withCrossShrink: true },
				aTrickyText,
				fc.array(tie('element'), { maxLength: 3 }),
			),
			fc.dictionary(aName, aTrickyText, { maxKeys: 2, noNullPrototype: true }),
		)
		.map(([name, inside, attributes]) => xml(name, inside, attributes)),
})).element;

test('any names and values survive being written and read', t => {
	fc.assert(
		fc.property(anElement, element => {
			const text = renderXml(element);
			t.false(text.includes(']]>'), 'nothing can look like the end of a message');
			t.deepEqual(parseXml(text), element);
		}),
		{ numRuns: 300 },
	);
});

test('a character that XML cannot hold is not sent', t => {
	for (const char of ['\u0000', '\u001b', '\ud800', '\ufffe'])
		t.throws(() => renderXml(xml('name', `ge-0/0/0${char}`)), { instanceOf: XmlError });
});

test('namespaces are known by their names, prefixes do not matter; comments do not count', t => {
	const reply = parseXml(
		'<?xml version="1.0"?>\n<!-- a --><nc:rpc-reply xmlns:nc="urn:a" xmlns:junos="urn:b" junos:style="brief">' +
			'<nc:ok/><!-- b --><x xmlns="urn:c">1<!-- c -->2<![CDATA[<3>]]></x></nc:rpc-reply><!-- d -->',
	);
	t.is(reply.name, 'rpc-reply');
	t.is(reply.namespace, 'urn:a');
	t.deepEqual(reply.attributes, { 'junos:style': 'brief' });
	t.deepEqual(
		reply.children.map(({ name, namespace, text }) => [name, namespace, text]),
		[
			['ok', 'urn:a', ''],
			['x', 'urn:c', '12<3>'],
		],
	);
});

const bomb = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>';
for (const [what, text] of [
	['a document type with entities', bomb],
	['a document type from elsewhere', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'],
	['an entity that nobody declared', '<a>&file;</a>'],
	['nothing', ''],
	['text', 'Permission denied'],
	['an element that is not closed', '<rpc-reply><routing-engine><ok/></rpc-reply>'],
	['two roots', '<a/><b/>'],
	['an undeclared prefix', '<nc:ok/>'],
	['an attribute twice', '<a b="1" b="2"/>'],
	['a depth of a hundred', `${'<a>'.repeat(100)}${'</a>'.repeat(100)}`],
	['half a million elements', `<a>${'<b/>'.repeat(500_000)}</a>`],
] as const) {
	test(`refused: ${what}`, t => {
		t.throws(() => parseXml(text), { instanceOf: XmlError });
	});
}

test('no text makes the parser do anything but read or refuse', t => {
	const pieces = fc.constantFrom(
		'<',
		'>',
		'/',
		'<a',
		'</a>',
		'<a>',
		'"',
		'=',
		'&',
		'&lt;',
		';',
		'<!--',
		'-->',
		'<![CDATA[',
		']]>',
		'<?',
		'?>',
		' ',
		'xmlns:',
		'a',
	);
	fc.assert(
		fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }), parts => {
			try {
				parseXml(parts.join(''));
			} catch (fault) {
				if (!(fault instanceof XmlError)) throw fault;
			}
		}),
		{ numRuns: 1000 },
	);
	t.pass();
});
