import type { JsonObject } from '../filter/resource-type.ts';
import type { View } from './event-message.ts';
import { keepRecords } from './sse-filter.ts';
import type { SubscriptionDocument } from './subscription-document.ts';

/** What of a view a subscription is for (DSP0268, EventDestination); undefined when nothing. */
export function pickWanted(view: View, wanted: SubscriptionDocument['wanted']): View | undefined {
	return keepRecords(view, (about, record) => isWanted(about, record, wanted));
}

function isWanted(about: JsonObject, record: JsonObject, wanted: SubscriptionDocument['wanted']): boolean {
	if (about.EventFormatType !== wanted.EventFormatType) return false;
	if (wanted.EventFormatType === 'MetricReport') {
		return isOneOf(wanted.MetricReportDefinitions.map(linkOf), about.MetricReportDefinition);
	}
	const origin = typeof about.OriginResource === 'string' ? about.OriginResource : undefined;
	const origins = wanted.OriginResources.map(linkOf);
	const isFrom = (of: string): boolean =>
		origin === of || (wanted.SubordinateResources && origin?.startsWith(`${of}/`) === true);
	return (
		isOneOf(wanted.RegistryPrefixes, about.RegistryPrefix) &&
		!wanted.ExcludeRegistryPrefixes.includes(String(about.RegistryPrefix)) &&
		isOneOf(wanted.MessageIds, about.MessageId) &&
		(wanted.ExcludeMessageIds.length === 0 || !isOneOf(wanted.ExcludeMessageIds, about.MessageId)) &&
		isOneOf(wanted.ResourceTypes, about.ResourceType) &&
		isOneOf(wanted.Severities, record.MessageSeverity ?? record.Severity) &&
		// BMCs that follow later versions say no EventType.
		(record.EventType === undefined || isOneOf(wanted.EventTypes, record.EventType)) &&
		(origins.length === 0 || origins.some(isFrom))
	);
}

const linkOf = (one: { readonly '@odata.id': string }): string => one['@odata.id'];

/** No condition, or a value (any of several) among those. */
function isOneOf(values: readonly string[], value: unknown): boolean {
	if (values.length === 0) return true;
	return Array.isArray(value)
		? value.some(one => values.includes(String(one)))
		: values.includes(String(value));
}
