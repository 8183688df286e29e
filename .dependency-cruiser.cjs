/**
 * The layers of docs/architecture.md as rules: a service imports common/ and its own folder; whoever wants
 * something of another service calls it over HTTP through that service's client.ts.
 */
const services = 'proxy|hil|provisioner|attest|market';
const tests = '\\.(test|bench|fixture)\\.ts$|/test-[^/]*\\.ts$|(^|/)(contract|fixtures?)[^/]*\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
	forbidden: [
		{
			name: 'no-cycles',
			severity: 'error',
			from: {},
			to: { circular: true },
		},
		{
			name: 'unresolvable',
			comment: 'An import that leads nowhere, or to a package that package.json does not name.',
			severity: 'error',
			from: {},
			to: { couldNotResolve: true },
		},
		{
			name: 'common-stands-alone',
			severity: 'error',
			from: { path: '^common/', pathNot: tests },
			to: { path: `^(${services}|qemu|cli|test|bench|console)/` },
		},
		{
			name: 'service-imports-common-itself-and-clients',
			severity: 'error',
			from: { path: `^(${services})/`, pathNot: tests },
			to: {
				path: `^(${services}|qemu|cli|test|bench|console)/`,
				pathNot: ['^$1/', `^(${services})/client\\.ts$`, '^hil/client/ask-who\\.ts$'],
			},
		},
		{
			name: 'qemu-imports-common-itself-and-clients',
			severity: 'error',
			from: { path: '^qemu/', pathNot: tests },
			to: { path: `^(${services}|cli|test|bench|console)/`, pathNot: `^(${services})/client\\.ts$` },
		},
		{
			name: 'cli-starts-services-and-speaks-through-clients',
			comment:
				'Beside clients and what starts a service, the policy check, the audit reader, evidence of attestation, simulation of a market, enrolment, recovery and the signing of policies work offline.',
			severity: 'error',
			from: { path: '^cli/', pathNot: tests },
			to: {
				path: `^(${services}|test|bench|console)/`,
				pathNot: [
					`^(${services})/(main|app|client|site)\\.ts$`,
					'^proxy/policy/(check-policies|load-policies|load-cases|policy-set)\\.ts$',
					'^proxy/policy/analysis/',
					'^proxy/audit/',
					'^attest/(evidence|certificates)/',
					'^market/simulate/simulate\\.ts$',
					'^proxy/(enrol|recovery|governance)/',
				],
			},
		},
		{
			name: 'agents-know-the-client-alone',
			comment: 'What works for a project on the market can do what any program can that speaks to it.',
			severity: 'error',
			from: { path: '^market/agents/', pathNot: tests },
			to: { path: '.', pathNot: ['^market/agents/', '^market/client\\.ts$'] },
		},
		{
			name: 'pure-stages',
			comment:
				'From raw request to verdict and filtered answer nothing waits, reads or sends: facts come in.',
			severity: 'error',
			from: {
				path: '^proxy/(canonicalise|classify|decide|policy|filter)/',
				pathNot: [tests, '^proxy/policy/(load|watch|check)-[^/]*\\.ts$'],
			},
			to: {
				path: [
					'^(node:)?(fs|fs/promises|http|https|http2|net|tls|dgram|dns|child_process|worker_threads|cluster)$',
					'^node_modules/(undici|express|mqtt|aedes|pino|lowdb|http-proxy)/',
					'^common/(store|http|events|log|metrics)/',
					'^proxy/(listener|forward|external|approve|audit|authenticate)/',
				],
			},
		},
		{
			name: 'common-http-knows-no-redfish',
			comment: 'Only proxy/answer/ speaks Redfish errors; only common/http/ problem details.',
			severity: 'error',
			from: { path: '^common/', pathNot: tests },
			to: { path: '^proxy/answer/' },
		},
		{
			name: 'production-imports-no-tests',
			severity: 'error',
			from: { path: `^(common|${services}|qemu|cli)/`, pathNot: tests },
			to: { path: [tests, '^(test|bench)/'] },
		},
		{
			name: 'production-imports-no-development-package',
			severity: 'error',
			from: { path: `^(common|${services}|qemu|cli)/`, pathNot: tests },
			to: { dependencyTypes: ['npm-dev'], pathNot: '^node_modules/@types/' },
		},
		{
			name: 'no-package-outside-the-list',
			comment: 'A package must stand in package.json, and not be deprecated.',
			severity: 'error',
			from: {},
			to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'deprecated'] },
		},
	],
	options: {
		doNotFollow: { path: 'node_modules' },
		exclude: { path: '^(node_modules/\\.cache|\\.bimetal|coverage|docs|examples/[^/]*/node_modules)' },
		tsPreCompilationDeps: true,
		tsConfig: { fileName: 'tsconfig.json' },
		enhancedResolveOptions: {
			exportsFields: ['exports'],
			conditionNames: ['import', 'node', 'default'],
			extensions: ['.ts', '.mjs', '.cjs', '.js'],
		},
	},
};
