/**
 * The Link header of a resource, which names its schema (DSP0266, "Link header") where bmcweb has it: in the file of the
 * type's namespace, whatever the version. What the BMC sent stays; of some collections bmcweb names the members'
 * schema alone. Undefined when there is nothing to say.
 */
export function schemaLink(
	type: string | undefined,
	prefix: string,
	sent: string | undefined = undefined,
): string | undefined {
	const name = /^#(\w+)\./.exec(type ?? '')?.[1];
	if (name === undefined || sent?.includes(`/JsonSchemas/${name}/`)) return sent;
	const link = `<${prefix}/redfish/v1/JsonSchemas/${name}/${name}.json>; rel=describedby`;
	return sent === undefined ? link : `${link}, ${sent}`;
}
