import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import type { SshChannel } from '../transport/ssh-channel.ts';
import { frame } from './framing.ts';
import { openNetconf } from './session.ts';
import { xml } from './xml.ts';

const base = 'urn:ietf:params:xml:ns:netconf:base:1.0';
const { signal } = new AbortController();
const away = (why: string): Error => new Error(`the switch ${why}`);

const hello = (...capabilities: string[]): string =>
	`<!-- user hil -->\n<hello xmlns="${base}"><capabilities>${capabilities
		.map(uri => `<capability>\n${uri}</capability>`)
		.join('')}</capabilities><session-id>7</session-id></hello>`;
const reply = (inside: string, id = 1, name = 'rpc-reply'): string =>
	`<${name} xmlns="${base}" message-id="${id}">${inside}</${name}>`;
const old = hello('urn:ietf:params:netconf:base:1.0');

/** A channel whose other end says these things one after the other, and then nothing. */
function saying(...bytes: (string | Buffer)[]): SshChannel & { written: string; isClosed: boolean } {
	return {
		written: '',
		isClosed: false,
		isOpen: true,
		async read(given) {
			const next = bytes.shift();
			if (next !== undefined) return Buffer.from(next);
			return new Promise((_, reject) => given.addEventListener('abort', () => reject(given.reason)));
		},
		async write(sent) {
			this.written += sent.toString();
		},
		close() {
			this.isClosed = true;
		},
	};
}

const marked = (...messages: string[]): Buffer => Buffer.concat(messages.map(each => frame(each, 'marked')));

test('with NETCONF 1.0 both sides mark the ends of messages', async t => {
	const channel = saying(marked(old), marked(reply('<ok/>')), marked(reply('<ok/>', 2)));
	const session = await openNetconf(channel, away, signal);
	t.is(session.id, '7');
	t.is((await session.call(xml('lock'), signal)).kind, 'done');
	t.is((await session.call(xml('unlock'), signal)).kind, 'done');
	t.is(channel.written.split(']]>]]>').length, 4);
	t.regex(
		channel.written,
		/<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1\.0" message-id="2"><unlock\/><\/rpc>/,
	);
});

test('with NETCONF 1.1 on both sides, chunks; only after the hellos', async t => {
	const both = hello('urn:ietf:params:netconf:base:1.0', 'urn:ietf:params:netconf:base:1.1');
	const channel = saying(marked(both), frame(reply('<ok/>'), 'chunked'));
	const session = await openNetconf(channel, away, signal);
	t.is((await session.call(xml('lock'), signal)).kind, 'done');
	t.regex(channel.written, /<\/hello>\]\]>\]\]>\n#[0-9]+\n<\?xml.*\n##\n$/s);
});

test('errors are told apart from warnings, wherever they stand; what says neither is an error', async t => {
	const error = (severity: string, message: string): string =>
		`<rpc-error><error-tag>x</error-tag>${severity && `<error-severity>${severity}</error-severity>`}` +
		`<error-path>[edit vlans]</error-path><error-message>\n${message}\n</error-message>` +
		'<error-info><bad-element>v1</bad-element><session-id>12</session-id></error-info></rpc-error>';
	const answers = [
		reply(`${error('warning', 'mind')}<ok/>`),
		reply(`<results><inner>${error('error', 'no')}</inner></results><ok/>`, 2),
		reply(error('', 'odd'), 3),
		reply(
			'<xnm:error xmlns:xnm="http://xml.juniper.net/xnm/1.1/xnm"><message>nay\u001b[2J</message></xnm:error>',
			4,
		).replace('\u001b', '&#x1b;'),
		reply('<error>a word of somebody else</error>', 5),
	];
	const session = await openNetconf(saying(marked(old), ...answers.map(each => marked(each))), away, signal);
	const call = () => session.call(xml('commit'), signal);
	const words = '[edit vlans] mind (v1)';
	t.like(await call(), { kind: 'done', warnings: [{ tag: 'x', isWarning: true, words, session: '12' }] });
	t.like(await call(), { kind: 'refused', errors: [{ words: '[edit vlans] no (v1)' }] });
	t.like(await call(), { kind: 'refused', errors: [{ isWarning: false }] });
	t.like(await call(), { kind: 'refused', errors: [{ words: 'nay [2J' }] }, 'no control characters');
	t.like(await call(), { kind: 'done', warnings: [] });
});

for (const [what, ...bytes] of [
	['no XML', 'Permission denied]]>]]>'],
	['XML with a document type', '<!DOCTYPE x><hello/>]]>]]>'],
	['no hello', marked(reply('<ok/>'))],
	['a hello in no namespace', marked(old.replace(` xmlns="${base}"`, ''))],
	['a hello without a session', marked(old.replace(/<session-id>.*<\/session-id>/, ''))],
	['a session that is no number', marked(old.replace('7', '7; reboot'))],
	['no version known', marked(hello('urn:ietf:params:netconf:base:2.0'))],
	['a banner without end', Buffer.alloc(9 * 1024 * 1024, '*')],
	['bytes that are no UTF-8', Buffer.from([0xc0, 0xaf]), ']]>]]>'],
] as const) {
	test(`no session with a server that greets with ${what}`, async t => {
		const channel = saying(...bytes);
		await t.throwsAsync(openNetconf(channel, away, signal), { message: /^the switch / });
		t.true(channel.isClosed);
	});
}

for (const [what, ...bytes] of [
	['a reply to another request', marked(reply('<ok/>', 2))],
	['a reply to none', marked(`<rpc-reply xmlns="${base}"><ok/></rpc-reply>`)],
	['no reply', marked(reply('<ok/>', 1, 'notification'))],
	['a reply in no namespace', marked('<rpc-reply message-id="1"><ok/></rpc-reply>')],
	['half an element', marked(reply('<commit-results><routing-engine></commit-results>'))],
	['an entity', marked(reply('&x;'))],
	['what is too long', ...Array.from({ length: 9 }, () => Buffer.alloc(1024 * 1024, 'x'))],
] as const) {
	test(`the session ends at an answer that is ${what}`, async t => {
		const channel = saying(marked(old), ...bytes);
		const session = await openNetconf(channel, away, signal);
		await t.throwsAsync(session.call(xml('commit'), signal), { message: /^the switch / });
		t.false(session.isOpen);
		t.true(channel.isClosed);
		await t.throwsAsync(session.call(xml('commit'), signal), { message: 'the switch has ended the session' });
	});
}

test('a request that is given up ends the session: its answer could be taken for the next one', async t => {
	const channel = saying(marked(old));
	const session = await openNetconf(channel, away, signal);
	const given = new AbortController();
	const call = session.call(xml('commit'), given.signal);
	await turn();
	given.abort(new Error('given up'));
	await t.throwsAsync(call, { message: 'given up' });
	t.false(session.isOpen);
	t.true(channel.isClosed);
});

test('closing says goodbye, and does not mind an answer that never comes', async t => {
	const channel = saying(marked(old));
	const session = await openNetconf(channel, away, signal);
	await session.close(AbortSignal.abort());
	t.true(channel.isClosed);
	const polite = saying(marked(old), marked(reply('<ok/>')));
	await (await openNetconf(polite, away, signal)).close(signal);
	t.regex(polite.written, /<close-session\/>/);
	t.true(polite.isClosed);
});
