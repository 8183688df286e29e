import type { Agent, AgentMarket } from './agent.ts';
import { createJobAgent, type JobAgentSettings } from './job-agent.ts';

/**
 * A cluster that must comply with rules on who could have touched a server: it works on servers that attest what they have
 * booted, and on no others. It offers its own while it has no work.
 */
export const createComplianceAgent = (
	market: AgentMarket,
	settings: Omit<JobAgentSettings, 'where' | 'reserve'>,
): Agent => createJobAgent(market, { ...settings, where: [], reserve: 0 });
