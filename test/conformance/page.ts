import type { Rule, Service } from './rule.ts';

/** docs/conformance.md: what the tests of these rules show. */
export function renderPage(rules: readonly Rule[]): string {
	const rows = rules.map(rule => {
		const [bmc, proxy] = (['bmc', 'proxy'] as const).map(name => verdictOf(rule, name));
		return `| ${rule.clause} | ${rule.rule} | ${bmc} | ${proxy} | \`${rule.id}\` |`;
	});
	return [
		...intro,
		'| Clause | Rule | Emulated BMC | Proxy | Test |',
		'|---|---|---|---|---|',
		...rows,
		'',
	].join('\n');
}

function verdictOf(rule: Rule, name: Service['name']): string {
	const broken = rule.broken?.[name];
	const moot = rule.moot?.[name];
	return broken !== undefined ? `no: ${broken}` : moot !== undefined ? `–: ${moot}` : 'yes';
}

const intro = [
	'# The protocol rules of Redfish, and who holds them',
	'',
	'The rules of DSP0266 (Redfish Specification 1.20) that a client can notice, in our own words, tried on the emulated',
	'BMC and on the proxy in front of one, with a table in which every operation is open: what is looked at here is',
	'the protocol, not who may do what. The emulated BMC answers as bmcweb does, also where bmcweb breaks a rule; the',
	'proxy mends what it can. SSDP is not offered by either.',
	'',
	'Each row is two tests in `test/conformance/`, run by `npx ava test/conformance`; the last column starts their titles.',
	'A rule that is broken has a test as well, which fails on the day it holds. This page is made from them:',
	'`UPDATE_GOLDEN=1 npx ava test/conformance` writes it anew.',
	'',
];
