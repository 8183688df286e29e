// docs/policy-language.md and the language agree: its functions are all there, and its examples can be read.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseAuthorization } from './authorization.ts';
import { policyFunctions } from './expression/functions.ts';
import { factFunctions } from './fact-functions.ts';
import { readHelpersFile } from './helpers-file.ts';
import { readMembersFile } from './members-file.ts';
import { compilePostPolicy } from './post-policy.ts';
import { compilePrePolicy } from './pre-policy.ts';

const text = readFileSync(new URL('../../docs/policy-language.md', import.meta.url), 'utf8');
const where = { file: 'docs/policy-language.md', line: 1, column: 1 };
const code = [...text.matchAll(/`([^`\n]+)`/g)].map(match => match[1] ?? '');

test("the document names the language's functions", t => {
	const all = { ...policyFunctions, ...factFunctions({ time: false, executions: [] }, undefined) };
	for (const name of Object.keys(all)) t.regex(text, new RegExp(`\\b${name}\\b`));
});

test("the document's examples can be read", t => {
	const pre = [...text.matchAll(/\.pre: (.+?)(?:`.*)?$/gm)].map(match => match[1] ?? '');
	const p2c = [...text.matchAll(/^ *p2c: (.+)$/gm)].map(match => match[1] ?? '');
	const post = code.filter(each => each.includes(':='));
	t.true(pre.length > 0 && p2c.length > 0 && post.length > 1);
	const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(match => match[1] ?? '');
	const helpers = readHelpersFile(
		{ name: 'helpers.yaml', party: 'HSO', text: blocks.find(block => block.startsWith('up:')) ?? '' },
		{ externalSources: ['Servers', 'PDU'] },
	);
	t.deepEqual(helpers.problems, []);
	const members = blocks.find(block => block.startsWith('groups:')) ?? '';
	t.deepEqual(readMembersFile({ name: 'members.yaml', party: 'CP', text: members }).problems, []);
	for (const each of pre) t.true(compilePrePolicy(each, where, ['Servers', 'PDU'], helpers).ok, each);
	for (const each of p2c) t.true(parseAuthorization(each, ['HSO', 'CP']).ok, each);
	for (const each of post) t.true(compilePostPolicy(each, where).ok, each);
});
