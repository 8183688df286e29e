import type { Agent, AgentMarket } from './agent.ts';
import { createJobAgent, type JobAgentSettings } from './job-agent.ts';

/**
 * A pool that stands by for emergencies: hardly ever used, and then wanted whole and at once. It offers all but a few, recalls
 * them when something happens, and bids for more.
 */
export const createEmergencyAgent = (
	market: AgentMarket,
	settings: Omit<JobAgentSettings, 'where' | 'attestations'>,
): Agent => createJobAgent(market, { ...settings, where: [], attestations: [] });
