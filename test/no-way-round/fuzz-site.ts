import { compilePolicies } from '../../proxy/policy/load-policies.ts';
import type { PolicySet } from '../../proxy/policy/policy-set.ts';
import { loadShipped, startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';

/** What the shipped table lets nobody do at once, so that it really happens. */
const opened: Readonly<Record<string, string>> = {
	'Update firmware': 'HSO or CP',
	'Open the serial console': 'HSO or CP',
	'Get a $system': '(HSO and cp) or (CP and hso)',
};
/** The site hides something of a resource that can be changed under a tag. */
const hidden = 'Get a $system:\n  hso.post: ComputerSystem.SerialNumber := null\n';
const shown = 'Get a $system:\n  cp.pre: true\n';

async function fuzzPolicies(): Promise<PolicySet> {
	const { sources } = await loadShipped();
	if (!sources) throw new Error('the shipped policies come from files');
	const { files, site } = sources;
	let text = files.operations.text;
	for (const [operation, p2c] of Object.entries(opened)) {
		const at = text.indexOf(`operation: ${operation}\n`);
		const from = text.indexOf('  p2c: ', at);
		if (at < 0 || from < 0) throw new Error(`the table has no ${operation}`);
		text = `${text.slice(0, from)}  p2c: ${p2c}${text.slice(text.indexOf('\n', from))}`;
	}
	return compilePolicies({
		site,
		files: {
			...files,
			operations: { ...files.operations, text },
			policies: [
				...files.policies,
				{ party: 'HSO', name: 'hso/fuzz.yaml', text: hidden },
				{ party: 'CP', name: 'cp/fuzz.yaml', text: shown },
			],
		},
	});
}

let policies: Promise<PolicySet> | undefined;

/** A site on which uploads, consoles and conditional changes come through; `workers` processes besides home. */
export function startFuzzSite(workers: number): Promise<TestProxy> {
	policies ??= fuzzPolicies();
	return policies.then(async set => {
		const to = {
			host: 'localhost',
			networks: ['127.0.0.0/8'],
			ports: [9],
			security: 'https',
			ca: undefined,
		} as const;
		const site = await startTestProxy({
			policies: set,
			workers,
			streams: { subscriptions: 5 },
			destinations: { HSO: [to], CP: [to] },
		});
		await site.ask('cp-operator', 'GET', '/bmc/node1/redfish/v1/Systems');
		return site;
	});
}
