// What is otherwise through the proxy than without it; docs/redfish.md has a row for each.
export interface Got {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | undefined>>;
	readonly text: string;
}

/** What is otherwise through the proxy, and why; `why` is a row of docs/redfish.md. */
export const differences: readonly {
	readonly paths: RegExp;
	/** Takes the difference out of what both gave; nothing is left to compare where it returns nothing. */
	readonly without: (got: Got) => Got | undefined;
	readonly why: string;
}[] = [
	{
		paths: /^\/redfish\/v1\/SessionService(\/|$)/,
		without: () => undefined,
		why: 'Sessions are the proxy’s own',
	},
	{
		paths: /^\/redfish\/v1$/,
		without: got => ({ ...got, text: withoutProperties(got.text, 'ProtocolFeaturesSupported'), headers: {} }),
		why: 'The service root tells what the proxy offers',
	},
	{
		paths: /^\/redfish\/v1\/TaskService\/Tasks/,
		without: got => ({
			...got,
			text: withoutProperties(got.text),
			headers: without(got.headers, 'content-length', 'etag'),
		}),
		why: 'Tasks of the proxy stand beside the BMC’s',
	},
	{
		paths: /^\/redfish\/v1\/TelemetryService\/(?:MetricReports|MetricReportDefinitions|Triggers)/,
		without: got => ({
			...got,
			text: withoutProperties(got.text),
			headers: without(got.headers, 'content-length', 'etag'),
		}),
		why: 'Metric reports, and what defines them, are put together for their reader',
	},
	{
		paths: /^\/redfish\/v1\/EventService(\/|$)/,
		without: () => undefined,
		why: 'Events and subscriptions are the proxy’s own',
	},
	{
		// bmcweb's odata document links to it, and there is none.
		paths: /^\/redfish\/v1\/ServiceRoot$/,
		without: () => undefined,
		why: 'What no row covers is denied, not missing',
	},
];

/** What travels hop by hop, or is of the moment. */
const ofTheMoment = [
	'date',
	'connection',
	'keep-alive',
	'transfer-encoding',
	'pragma',
	'strict-transport-security',
];
const ownHeaders = [
	'odata-version',
	'x-content-type-options',
	'cache-control',
	'x-frame-options',
	'x-request-id',
];

const without = (headers: Got['headers'], ...names: readonly string[]): Got['headers'] =>
	Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
function withoutProperties(text: string, ...names: readonly string[]): string {
	if (text === '') return text; // of a HEAD
	const json = JSON.parse(text) as Record<string, unknown>;
	for (const name of names) delete json[name];
	return JSON.stringify(json);
}
/** What must be the same with and without the proxy; undefined where nothing must. */
export function comparable(path: string, got: Got): Got | undefined {
	let left: Got | undefined = { ...got, headers: without(got.headers, ...ofTheMoment, ...ownHeaders) };
	for (const difference of differences)
		if (left && difference.paths.test(path)) left = difference.without(left);
	return left;
}
