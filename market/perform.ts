import { createPerform, type ReadVerbOf, type VerbOf } from '../common/store/perform.ts';
import { authorize } from './authorize/decide.ts';
import type { ActionName } from './authorize/table.ts';
import type { World } from './core/world.ts';

export type Verb<A, R> = VerbOf<A, R, World>;
export type ReadVerb<A, R> = ReadVerbOf<A, R, World>;

export const { perform, look } = createPerform<ActionName, World>(authorize);
