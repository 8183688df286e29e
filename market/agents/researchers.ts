import type { Agent, AgentMarket } from './agent.ts';
import { createJobAgent, type JobAgentSettings } from './job-agent.ts';

/**
 * Researchers whose experiments repeat only on the very same model of server, most of them in the weeks before a paper's deadline.
 * They offer their own, since they have them back whenever they want.
 */
export const createResearchersAgent = (
	market: AgentMarket,
	settings: Omit<JobAgentSettings, 'where' | 'attestations' | 'reserve'> & {
		readonly model: string;
	},
): Agent =>
	createJobAgent(market, {
		...settings,
		where: [{ property: 'model', op: '==', value: settings.model }],
		attestations: [],
		reserve: 0,
	});
