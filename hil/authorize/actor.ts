/** Who asks, as an authentication back end has established it. */
export interface Actor {
	readonly name: string;
	readonly isAdmin: boolean;
	readonly projects: ReadonlySet<string>;
}

/** Whether something of this project is the actor's; null is the administrators'. */
export const isMember = ({ isAdmin, projects }: Actor, project: string | null): boolean =>
	isAdmin || (project !== null && projects.has(project));
