import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { maxLevels } from './query-options.ts';
import { isObject } from './resource-type.ts';

/**
 * The service root as the proxy serves it: `ProtocolFeaturesSupported` (DSP0266, "Query parameters") says what the
 * proxy offers in the BMC's place. Properties of later schema versions are set where the BMC has them.
 */
export function showProtocolFeatures(root: JsonValue): JsonValue {
	if (!isObject(root)) return root;
	const stated = root.ProtocolFeaturesSupported;
	const ofBmc = isObject(stated) ? stated : {};
	const later = {
		FilterQueryComparisonOperations: true,
		FilterQueryCompoundOperations: true,
		IncludeOriginOfConditionQuery: false,
		TopSkipQuery: true,
	};
	return {
		...root,
		ProtocolFeaturesSupported: {
			...ofBmc,
			...Object.fromEntries(Object.entries(later).filter(([name]) => Object.hasOwn(ofBmc, name))),
			DeepOperations: { DeepPATCH: false, DeepPOST: false },
			ExcerptQuery: false,
			ExpandQuery: { ExpandAll: true, Levels: true, Links: true, MaxLevels: maxLevels, NoLinks: true },
			FilterQuery: true,
			OnlyMemberQuery: true,
			SelectQuery: true,
		},
	};
}
