/** Who may do what. A rule names what decides; decide.ts finds it out. Administrators may do everything. */
export type Rule =
	/** Whoever is logged in. */
	| 'any'
	| 'admin'
	/** Members of the project that the call names. */
	| 'project'
	/** Members of the image's project, and of those that it is shared with; of a public one, everybody. */
	| 'image-visible'
	/** Members of the image's project. */
	| 'image-own'
	/** Members of the disk's project. */
	| 'disk'
	/** Members of the project that provisioned the node. */
	| 'node'
	/** Members of the project that provisioned the node who are members of the one that the call names as well. */
	| 'node-and-project'
	/** Members of the project that the operation was asked for in. */
	| 'operation'
	/** Members of the project that the upload is for. */
	| 'upload';

/** Every action of the interface. A route names one of them, or it does not compile. */
export const rules = {
	'me.show': 'any',
	'api.describe': 'any',
	// What is listed is what one may see.
	'image.list': 'any',
	'image.show': 'image-visible',
	'image.import': 'project',
	'image.change': 'image-own',
	'image.delete': 'image-own',
	'image.export': 'image-visible',
	'upload.list': 'any',
	'upload.show': 'upload',
	'upload.write': 'upload',
	'upload.delete': 'upload',
	'disk.list': 'any',
	'disk.create': 'project',
	'disk.show': 'disk',
	'disk.delete': 'disk',
	'disk.snapshot': 'disk',
	'network.list': 'any',
	'node.list': 'any',
	'node.show': 'node',
	'node.provision': 'project',
	'node.deprovision': 'node',
	'node.reprovision': 'node',
	'node.rescue': 'node',
	'node.suspend': 'node',
	'node.move': 'node-and-project',
	'disk.resume': 'disk',
	'operation.list': 'any',
	'operation.show': 'operation',
	'operation.cancel': 'operation',
	'usage.show': 'any',
	'storage.collect': 'admin',
} as const satisfies Readonly<Record<string, Rule>>;

export type ActionName = keyof typeof rules;
