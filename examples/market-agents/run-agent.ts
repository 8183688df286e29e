// An agent for a project on a market that runs: node run-agent.ts settings.yaml
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { readConfig } from '../../common/config/read-config.ts';
import type { Agent } from '../../market/agents/agent.ts';
import { createComplianceAgent } from '../../market/agents/compliance.ts';
import { createEmergencyAgent } from '../../market/agents/emergency.ts';
import { createHpcAgent } from '../../market/agents/hpc.ts';
import { createLabAgent } from '../../market/agents/lab.ts';
import { createOpenStackAgent } from '../../market/agents/openstack.ts';
import { createResearchersAgent } from '../../market/agents/researchers.ts';
import { createMarketClient, type MarketClient } from '../../market/client.ts';
import { demandOf, queueOf } from './schedule.ts';
import { type Settings, settingsSchema } from './settings.ts';

const [file = 'settings.yaml'] = process.argv.slice(2);
const settings = settingsOf(file);
const [password = ''] = readFileSync(settings.password, 'utf8').split('\n');
const ca = settings.ca && readFileSync(settings.ca, 'utf8');
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const { market: url, username } = settings;
const client = createMarketClient({ url, username, password, ca, signal: stop.signal });
const agent = agentFor(settings, client);
while (!stop.signal.aborted) {
	const now = Math.floor(Date.now() / 1000);
	try {
		await agent.act(now);
		say(`${agent.busy(now)} servers at work`);
	} catch (fault) {
		// A market that is away comes back; what it refused is said, and the next look starts from what is.
		if (!stop.signal.aborted) process.stderr.write(`${fault instanceof Error ? fault.message : fault}\n`);
	}
	await setTimeout(settings.every * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
}
// What is offered stays so, and what is leased: the next start takes over from here.
await client.close();

function settingsOf(path: string): Settings {
	try {
		return readConfig<Settings>({ file: path, schema: settingsSchema });
	} catch (fault) {
		process.stderr.write(`${fault instanceof Error ? fault.message : fault}\n`);
		process.exit(2);
	}
}

function agentFor(all: Settings, market: MarketClient): Agent {
	const told = { ...all, isPriced: true };
	switch (told.agent) {
		case 'hpc':
			return createHpcAgent(market, told);
		case 'openstack':
			return createOpenStackAgent(market, { ...told, demand: demandOf(told.demand) });
		case 'lab':
			return createLabAgent(market, { ...told, queue: queueOf(told.jobs, say) });
		case 'researchers':
			return createResearchersAgent(market, { ...told, queue: queueOf(told.jobs, say) });
		case 'emergency':
			return createEmergencyAgent(market, { ...told, queue: queueOf(told.jobs, say) });
		case 'compliance':
			return createComplianceAgent(market, { ...told, queue: queueOf(told.jobs, say) });
		default:
			return told satisfies never;
	}
}

function say(line: string): void {
	process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}
