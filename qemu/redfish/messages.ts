import type { Json, JsonObject } from './json.ts';

/** The messages of DMTF's Base registry 1.19 that the emulated services use: text, severity, resolution. */
const BASE = {
	Success: ['The request completed successfully.', 'OK', 'None.'],
	Created: ['The resource was created successfully.', 'OK', 'None.'],
	AccountRemoved: ['The account was successfully removed.', 'OK', 'No resolution is required.'],
	ResourceNotFound: [
		"The requested resource of type %1 named '%2' was not found.",
		'Critical',
		'Provide a valid resource identifier and resubmit the request.',
	],
	ResourceCannotBeDeleted: [
		'The delete request failed because the resource requested cannot be deleted.',
		'Critical',
		'Do not attempt to delete a non-deletable resource.',
	],
	OperationNotAllowed: ['The HTTP method is not allowed on this resource.', 'Critical', 'None.'],
	PropertyUnknown: [
		'The property %1 is not in the list of valid properties for the resource.',
		'Warning',
		'Remove the unknown property from the request body and resubmit the request if the operation failed.',
	],
	PropertyValueTypeError: [
		"The value '%1' for the property %2 is not a type that the property can accept.",
		'Warning',
		'Correct the value for the property in the request body and resubmit the request if the operation failed.',
	],
	PropertyValueNotInList: [
		"The value '%1' for the property %2 is not in the list of acceptable values.",
		'Warning',
		'Choose a value from the enumeration list that the implementation can support and resubmit the request if the operation failed.',
	],
	PropertyValueFormatError: [
		"The value '%1' for the property %2 is not a format that the property can accept.",
		'Warning',
		'Correct the value for the property in the request body and resubmit the request if the operation failed.',
	],
	PropertyMissing: [
		'The property %1 is a required property and must be included in the request.',
		'Warning',
		'Ensure that the property is in the request body and has a valid value and resubmit the request if the operation failed.',
	],
	NoOperation: [
		'The request body submitted holds nothing to act upon, and nothing was changed.',
		'Warning',
		'Add properties in the JSON object and resubmit the request.',
	],
	EmptyJSON: [
		'The request body submitted contained an empty JSON object and the service is unable to process it.',
		'Warning',
		'Add properties in the JSON object and resubmit the request.',
	],
	MalformedJSON: [
		'The request body submitted was malformed JSON and could not be parsed by the receiving service.',
		'Critical',
		'Ensure that the request body is valid JSON and resubmit the request.',
	],
	UnrecognizedRequestBody: [
		'The service detected a malformed request body that it was unable to interpret.',
		'Warning',
		'Correct the request body and resubmit the request if it failed.',
	],
	MissingOrMalformedPart: [
		'The multipart request contains malformed parts or is missing required parts.',
		'Critical',
		'Send each required part once, in the form that the resource documents, and resubmit the request.',
	],
	PreconditionFailed: [
		'The ETag supplied did not match the ETag required to change this resource.',
		'Critical',
		'Try the operation again using the appropriate ETag.',
	],
	ActionParameterUnknown: [
		'The action %1 was submitted with the invalid parameter %2.',
		'Warning',
		'Correct the invalid action parameter and resubmit the request if the operation failed.',
	],
	ActionParameterNotSupported: [
		'The parameter %1 for the action %2 is not supported on the target resource.',
		'Warning',
		'Remove the parameter supplied and resubmit the request if the operation failed.',
	],
	QueryParameterValueFormatError: [
		"The value '%1' for the parameter %2 is not a format that the parameter can accept.",
		'Warning',
		'Correct the value for the query parameter in the request and resubmit the request if the operation failed.',
	],
	QueryParameterOutOfRange: [
		"The value '%1' for the query parameter %2 is out of range %3.",
		'Warning',
		'Reduce the value for the query parameter to a value that is within range, such as a start or count value that is within bounds of the number of resources in a collection or a page that is within the range of valid pages.',
	],
	QueryCombinationInvalid: [
		'Two or more query parameters in the request cannot be used together.',
		'Warning',
		'Remove one or more of the query parameters and resubmit the request if the operation failed.',
	],
	QueryNotSupportedOnResource: [
		'Querying is not supported on the requested resource.',
		'Warning',
		'Remove the query parameters and resubmit the request if the operation failed.',
	],
	InsufficientPrivilege: [
		'There are insufficient privileges for the account or credentials associated with the current session to perform the requested operation.',
		'Critical',
		'Either abandon the operation or change the associated access rights and resubmit the request if the operation failed.',
	],
	ResourceAtUriUnauthorized: [
		"While accessing the resource at '%1', the service received an authorization error '%2'.",
		'Critical',
		'Ensure that the appropriate access is provided for the service in order for it to access the URI.',
	],
	ResourceAlreadyExists: [
		"The requested resource of type %1 with the property %2 with the value '%3' already exists.",
		'Critical',
		'Do not repeat the create operation as the resource has already been created.',
	],
	ResourceInUse: [
		'The change to the requested resource failed because the resource is in use or in transition.',
		'Warning',
		'Remove the condition and resubmit the request if the operation failed.',
	],
} as const satisfies Record<string, readonly [string, string, string]>;

export type MessageName = keyof typeof BASE;

/** One message object, as in `@Message.ExtendedInfo`. */
export function message(name: MessageName, ...args: string[]): JsonObject {
	const [text, severity, resolution] = BASE[name];
	return {
		'@odata.type': '#Message.v1_1_1.Message',
		Message: text.replace(/%(\d)/g, (_, index: string) => args[Number(index) - 1] ?? ''),
		MessageArgs: args,
		MessageId: `Base.1.19.${name}`,
		MessageSeverity: severity,
		Resolution: resolution,
	};
}

/** The body of an error answer (DSP0266, "Error responses"). */
export function errorBody(info: JsonObject): JsonObject {
	return {
		error: {
			'@Message.ExtendedInfo': [info],
			code: info.MessageId,
			message: info.Message,
		},
	};
}

/** The body of a success that has nothing else to say. */
export function infoBody(info: JsonObject): JsonObject {
	return { '@Message.ExtendedInfo': [info] };
}

/** A value as bmcweb quotes it in a message: as JSON. */
export function quoted(value: Json | undefined): string {
	return JSON.stringify(value ?? null);
}
