// Proof that two-worlds has teeth: a proxy that hides a little less than it should is found out by the same comparison.
import test from 'ava';
import fc from 'fast-check';
import type { Reply } from '../proxy/ask.ts';
import { anySecrecy } from './random-site.ts';
import { compare, type Leak, step } from './two-worlds.ts';

/** The reply as it would have come with these headers or this body in place of its own. */
function altered(reply: Reply, headers: Readonly<Record<string, string>>, text = reply.text): Reply {
	const all = { ...reply.headers, ...headers };
	const lines = Object.entries(all).flatMap(([name, value]) => [name, String(value)]);
	return { ...reply, headers: all, text, whole: [reply.status, ...lines, text].join('\n') };
}

const leaks: Readonly<Record<string, Leak>> = {
	'the BMC’s own tag': {
		reply: (reply, { etag }) => (etag === undefined ? reply : altered(reply, { etag })),
	},
	'a hidden value in a header': {
		reply: (reply, { text }) => altered(reply, { 'x-asset-tag': String(JSON.parse(text).AssetTag) }),
	},
	'HEAD with the length of what is hidden': {
		reply: (reply, { text }) =>
			reply.text === '' ? altered(reply, { 'content-length': String(text.length) }) : reply,
	},
	'hidden members in Members@odata.count': {
		reply: (reply, { text }) => {
			const count = JSON.parse(text)['Members@odata.count'];
			const shown = reply.text.replace(/"Members@odata\.count":\d+/, `"Members@odata.count":${count}`);
			return count === undefined ? reply : altered(reply, {}, shown);
		},
	},
	'an event as it came': {
		heard: (text, events) => `${text}data: ${JSON.stringify(events[0])}\n\n`,
	},
	'an id for an event that is hidden': {
		heard: (text, events) => (events.length > 1 ? `${text}id: ${events.length}\n\n` : text),
	},
};

for (const [name, leak] of Object.entries(leaks)) {
	test.serial(`two worlds are told apart by ${name}`, async t => {
		t.timeout(120_000);
		const result = await fc.check(
			fc.asyncProperty(
				anySecrecy,
				fc.array(step, { minLength: 20, maxLength: 40 }),
				async (secrecy, steps) => {
					await compare(secrecy, steps, leak);
				},
			),
			{ numRuns: 40, seed: 4711, endOnFailure: true },
		);
		t.true(result.failed, `not found out in ${result.numRuns} pairs of worlds`);
		t.regex(String((result.errorInstance as Error).message), /tell|shows what is hidden/);
	});
}
