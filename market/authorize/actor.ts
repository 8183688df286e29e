/** Who asks, as hil says. */
export interface Actor {
	readonly name: string;
	readonly isAdmin: boolean;
	/** The projects that the actor is a member of. */
	readonly projects: ReadonlySet<string>;
}

/** Administrators are at home in every project. */
export const isMember = ({ isAdmin, projects }: Actor, project: string): boolean =>
	isAdmin || projects.has(project);
