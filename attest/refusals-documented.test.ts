// docs/attestation-policies.md lists every reason for a refusal as the code has it.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { refusalMeanings } from './outcome.ts';

test('docs/attestation-policies.md lists each refusal with its meaning, and no other', t => {
	const documented = readFileSync(new URL('../docs/attestation-policies.md', import.meta.url), 'utf8');
	const rows = documented.split('\n').filter(line => /^\| `[A-Z]\w+` \|/.test(line));
	t.deepEqual(
		rows,
		Object.entries(refusalMeanings).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`),
	);
});
