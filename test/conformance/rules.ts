import { eventRules } from './event-rules.ts';
import { protocolRules } from './protocol-rules.ts';
import { requestRules } from './request-rules.ts';
import { responseRules } from './response-rules.ts';
import type { Rule } from './rule.ts';
import { securityRules } from './security-rules.ts';

/** In the order of the specification. */
export const rules: readonly Rule[] = [
	...protocolRules,
	...requestRules,
	...responseRules,
	...eventRules,
	...securityRules,
];
