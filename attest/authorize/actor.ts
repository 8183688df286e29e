/** Who asks. */
export interface Actor {
	/** Empty: nobody has logged in. */
	readonly name: string;
	readonly isAdmin: boolean;
	/** The projects that the actor is a member of. */
	readonly projects: ReadonlySet<string>;
}

/** Whoever shows no credential: agents on nodes. */
export const nobody: Actor = { name: '', isAdmin: false, projects: new Set() };

/** Administrators are at home in every project. */
export const isMember = ({ isAdmin, projects }: Actor, project: string): boolean =>
	isAdmin || projects.has(project);
