import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Bmc, startBmc } from '../../qemu/bmc/bmc.ts';
import type { Identified } from '../proxy/ask.ts';
import { createTestTls, type SiteFolder, type SiteFolderOptions, writeSiteFolder } from '../site-folder.ts';

export const system = '/redfish/v1/Systems/system';
export const reset = `${system}/Actions/ComputerSystem.Reset`;
export const clearLog = `${system}/LogServices/EventLog/Actions/LogService.ClearLog`;

/** A reset counts on something shared; clearing the log needs both parties. */
const policies = {
	'operations.yaml': `
- { type: Monitoring, operation: Get system, description: d, match: 'GET ${system}', p2c: HSO or CP }
- { type: Monitoring, operation: Get systems, description: d, match: 'GET /redfish/v1/Systems', p2c: HSO or CP }
- { type: Operation, operation: Reset, description: d, match: 'POST ${reset}', p2c: HSO or CP }
- { type: Operation, operation: Clear, description: d, match: 'POST ${clearLog}', p2c: HSO and CP and cp }
`,
	'cp/clear.yaml': `Clear:\n  cp.pre: EXECUTED("rack", "10 min") < 1000\n`,
};

export interface FaultySite extends SiteFolder {
	readonly folder: string;
	readonly bmc: Bmc;
	readonly ca: string;
	/** Credentials of a party's operator. */
	as(party: 'HSO' | 'CP'): Identified;
	/** How often the BMC has carried out a POST of that path. */
	executed(target: string): number;
}

/** An emulated BMC, node1, over TLS, and the folder of a site in front of it; both end with the test. */
export async function createFaultySite(
	t: Pick<ExecutionContext, 'teardown'>,
	options: Partial<SiteFolderOptions> = {},
): Promise<FaultySite> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-faults-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const tls = await createTestTls();
	const password = 'the-BMCs-own-password';
	const bmc = await startBmc({
		name: 'node1',
		tls: { key: tls.server.keyPem, cert: tls.server.certificatePem },
		accounts: [{ name: 'root', password, role: 'Administrator' }],
		failedLoginDelayMs: 0,
	});
	t.teardown(() => bmc.close());
	const site = await writeSiteFolder(folder, {
		tls,
		bmcs: { node1: { url: bmc.url, password } },
		policies,
		limits: { bmcTimeout: '3s' },
		...options,
	});
	return {
		...site,
		folder,
		bmc,
		ca: tls.ca,
		as(party) {
			const operator = site.operators.find(each => each.party === party);
			if (!operator) throw new Error(`no operator of ${party}`);
			return { name: operator.name, password: operator.password };
		},
		executed: target => bmc.executed.filter(each => each.method === 'POST' && each.path === target).length,
	};
}
