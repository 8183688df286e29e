import type { Agent, AgentMarket } from './agent.ts';
import { createJobAgent, type JobAgentSettings } from './job-agent.ts';

/**
 * A lab that tests at scale: every few weeks it needs thousands of servers for some days, and knows when. It reserves them as soon
 * as the campaign is planned, whatever they are, and offers its own in between.
 */
export const createLabAgent = (
	market: AgentMarket,
	settings: Omit<JobAgentSettings, 'where' | 'attestations' | 'reserve'>,
): Agent => createJobAgent(market, { ...settings, where: [], attestations: [], reserve: 0 });
